"""Command lines, run as a user would but within this process."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from chexnet.cli import main


@dataclass(frozen=True)
class Finished:
    status: int
    out: str
    err: str


@pytest.fixture
def chexnet_cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., Finished]:
    def run(*arguments: object) -> Finished:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Finished(int(ended.value.code or 0), captured.out, captured.err)

    return run
