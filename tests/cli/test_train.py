import os
import signal
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path

import pytest
from synthetic_films import write_films

ROOT = Path(__file__).parents[2]

WITHOUT_TORCH = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == sys.argv[1]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocker())
from chexnet.cli import main
main(["train", "pyproject.toml", "run"])
"""


def named(value):
    return " ".join(value) if isinstance(value, list) else ""


@pytest.fixture
def films(tmp_path):
    return write_films(tmp_path / "films", films=40)


def test_help_shows_every_setting_with_its_default(chexnet_cli):
    from chexnet.training import Hardware, TrainConfig

    result = chexnet_cli("train", "--help")
    shown = " ".join(result.out.split())
    for kind in (TrainConfig, Hardware):
        for field in fields(kind):
            assert f"--{field.name.replace('_', '-')} " in shown
            no = f"no-{field.name.replace('_', '-')}"
            default = no if field.default is False else field.default
            assert default is None or f"[default: {default}]" in shown
    assert result.status == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--batch-size", "0"], "batch_size is 0; expected at least 1"),
        (["--image-size", "100"], "image_size is 100; expected a multiple of 32"),
        (["--learning-rate", "nan"], "learning_rate is nan; expected above 0"),
        (["--name", "a/b"], "name is 'a/b'; expected a file's name"),
        (["--workers", "-1"], "workers is -1; expected at least 0"),
        (
            ["--task", "pneumonia", "--weights", "nowhere.ckpt"],
            "weights are 'nowhere.ckpt'; expected imagenet, none, or a checkpoint",
        ),
        (["--weights", "none"], "no label column for Atelectasis"),
        (["--weights", "none", "--task", "pneumonia", "--devices", "two"], "this machine cannot train on"),
        (
            ["--weights", "none", "--task", "pneumonia", "--accelerator", "tpu"],
            "this machine cannot train on",
        ),
    ],
    ids=named,
)
def test_a_bad_value_gives_one_line_and_status_1(chexnet_cli, films, tmp_path, arguments, said):
    result = chexnet_cli("train", films, tmp_path / "run", *arguments)
    assert result.status == 1
    assert result.out == ""
    assert result.err.startswith("Error: ")
    assert said in result.err
    assert result.err.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("arguments", [["--task", "cancer"], ["--batch-size", "many"], ["--fast"]], ids=named)
def test_what_is_no_value_at_all_is_explained_by_the_usage(chexnet_cli, films, tmp_path, arguments):
    result = chexnet_cli("train", films, tmp_path / "run", *arguments)
    assert result.status == 1
    assert arguments[0] in result.err
    assert "Traceback" not in result.err


def test_data_that_are_not_there_give_status_1(chexnet_cli, tmp_path):
    result = chexnet_cli("train", tmp_path / "none.csv", tmp_path / "run")
    assert result.status == 1
    assert "none.csv" in result.err


def test_a_folder_that_cannot_be_made_gives_one_line(chexnet_cli, films):
    result = chexnet_cli("train", films, films / "run", "--weights", "none", "--task", "pneumonia")
    assert result.status == 1
    assert "films.csv" in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize("missing", ["torch", "lightning", "onnx"])
def test_the_light_install_says_what_training_needs(missing):
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, missing],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=ROOT,
    )
    assert ended.returncode == 1
    assert ended.stderr == (
        f"Error: training needs {missing}, which the light install leaves out; install chexnet[train]\n"
    )


def test_ctrl_c_leaves_a_run_that_the_same_command_goes_on_with(films, tmp_path):
    folder = tmp_path / "run"
    command = [
        *(
            sys.executable,
            "-m",
            "chexnet",
            "train",
            films,
            folder,
            "--task",
            "pneumonia",
            "--weights",
            "none",
        ),
        *("--image-size", "32", "--batch-size", "4", "--max-epochs", "1000", "--stop-epochs", "1000"),
        *("--workers", "0", "--accelerator", "cpu"),
    ]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=environment
    )
    try:
        while not (folder / "last.ckpt").exists() and process.poll() is None:
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130
    assert out == ""
    assert err.rstrip().endswith("interrupted; run the same command again to resume")
    assert "Traceback" not in err
    assert not list(folder.glob("*.onnx"))


def test_a_damaged_image_gives_one_line(chexnet_cli, films, tmp_path):
    victim = films.parent / "007.png"
    victim.write_bytes(victim.read_bytes()[:50])
    result = chexnet_cli(
        *("train", films, tmp_path / "run", "--task", "pneumonia", "--weights", "none"),
        *("--image-size", "32", "--workers", "0", "--accelerator", "cpu"),
    )
    assert result.status == 1
    last = result.err.rstrip().splitlines()[-1]
    assert last.startswith(f"Error: {victim}")
