"""Fixtures for pytest: name this module in the `pytest_plugins` of a `conftest.py`, or import what is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rota.testing import VirtualClock, use_clock

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["virtual_clock"]


@pytest.fixture
def virtual_clock() -> Iterator[VirtualClock]:
    """Provide a virtual clock; within the test, default start times of triggers are taken from it.

    Async tests run under it, here on both backends, if AnyIO's fixture depends on it::

        @pytest.fixture(params=["asyncio", "trio"])
        def anyio_backend(request, virtual_clock):
            return request.param, virtual_clock.backend_options(request.param)

        @pytest.mark.anyio
        async def test_report_is_sent_each_monday(virtual_clock):
            async with AsyncScheduler(clock=virtual_clock) as scheduler:
                ...
                await virtual_clock.advance(timedelta(days=7))
    """
    clock = VirtualClock()
    with use_clock(clock):
        yield clock
