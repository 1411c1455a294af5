"""The command line, as tests call it."""

from __future__ import annotations

import sys
from typing import NamedTuple

import pytest

from rota.cli import main


class Result(NamedTuple):
    stdout: str
    stderr: str


class Command:
    """The entry point of the package, called in this process, as starting many takes long."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, *arguments: object, status: int = 0) -> Result:
        self.capsys.readouterr()
        before = sys.argv, sys.path
        sys.argv, sys.path = ["rota", *map(str, arguments)], [*sys.path]
        try:
            with pytest.raises(SystemExit) as end:
                main()
        finally:
            sys.argv, sys.path = before
        result = Result(*self.capsys.readouterr())
        assert end.value.code == status, result
        return result


@pytest.fixture
def rota(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)
