"""Output where not every character can be shown, and how soon the command line answers."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def chexnet(*arguments, encoding="utf-8", **environment):
    return subprocess.run(
        [sys.executable, "-m", "chexnet", *map(str, arguments)],
        capture_output=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONIOENCODING": encoding, "PYTHONPATH": str(ROOT)} | environment,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize("encoding", ["latin-1", "cp932", "cp1252"])
def test_output_replaces_what_the_encoding_lacks(encoding):
    ended = chexnet("model", "info", encoding=encoding, LC_ALL="C")
    assert (ended.returncode, ended.stderr) == (0, b"")
    shown = ended.stdout.decode(encoding)
    # An en dash in every interval: cp1252 has one, for the others it is a hyphen.
    assert ("–" if encoding == "cp1252" else "-") in shown[shown.index("AUROC (95 %") :].splitlines()[1]


def test_files_are_utf_8_wherever_they_are_written(tmp_path):
    """And are read again, although the terminal is Latin-1."""
    rows = [f"Bild–{row}.png,p{row // 2},{row % 2}" for row in range(40)]
    labels = tmp_path / "labels.csv"
    labels.write_text("\n".join(["image,patient,Pneumonia", *rows]), encoding="utf-8")
    written = tmp_path / "split.csv"
    latin = {"encoding": "latin-1", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    assert chexnet("split", labels, written, **latin).returncode == 0
    assert "Bild–0.png" in written.read_text(encoding="utf-8")
    audited = chexnet("audit", written, "--data", labels, **latin)
    assert (audited.returncode, audited.stderr) == (0, b"")
    predictions, result = tmp_path / "p.csv", tmp_path / "r.json"
    scores = [f"Bild–{row}.png,{row % 7 / 10}" for row in range(40)]
    predictions.write_text("\n".join(["image,Pneumonia", *scores]), encoding="utf-8")
    evaluated = chexnet(
        *("evaluate", predictions, "--labels", labels, "--samples", 100, "--json", result), **latin
    )
    assert (evaluated.returncode, evaluated.stderr) == (0, b"")
    assert b"(0." in evaluated.stdout
    assert "Pneumonia" in json.loads(result.read_text(encoding="utf-8"))["findings"]


WITHOUT_SLOW_IMPORTS = """
import sys
from chexnet.cli import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
sys.exit(sorted(sys.modules.keys() & {"torch", "lightning", "onnx", "onnxruntime"}) or 0)
"""


@pytest.mark.parametrize(
    "arguments", [("train", "--help"), ("train", ".", "run", "--batch-size", "x"), ("reproduce", "--help")]
)
def test_help_and_wrong_options_are_answered_before_torch_is_imported(arguments):
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT_SLOW_IMPORTS, *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
