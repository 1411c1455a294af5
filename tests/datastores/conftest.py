from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from rota.testing.fixtures import virtual_clock as virtual_clock

if TYPE_CHECKING:
    from rota.testing import VirtualClock


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(
    request: pytest.FixtureRequest, virtual_clock: VirtualClock
) -> tuple[str, dict[str, Any]]:
    return request.param, virtual_clock.backend_options(request.param)
