"""Command lines, run as a user would but within this process."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import onnx
import pytest

from chexnet.classifier.classifier import DEFAULT_MODEL
from chexnet.classifier.metadata import KEY
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


@pytest.fixture(scope="session")
def half_validated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded network under a card that validates only Pneumonia, with two operating points.

    Every image is called at `low`, none at `high`.
    """
    model = onnx.load(DEFAULT_MODEL)
    (stored,) = (entry for entry in model.metadata_props if entry.key == KEY)
    card = json.loads(stored.value)
    for finding in card["findings"]:
        finding |= {"validated": finding["finding"] == "Pneumonia", "thresholds": {"low": 0.0, "high": 1.0}}
    stored.value = json.dumps(card | {"policy": "low"})
    path = tmp_path_factory.mktemp("model") / "half.onnx"
    onnx.save(model, path)
    return path
