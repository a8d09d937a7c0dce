"""Whole runs on synthetic films: they learn, they survive a kill, they refuse what cannot be meant."""

import json
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from lightning.pytorch.callbacks import Callback
from synthetic_films import HERE, recipe, write_films

import chexnet
from chexnet.datasets import read_manifest, split_of
from chexnet.models import read_checkpoint, read_state
from chexnet.paper import PATHOLOGIES
from chexnet.radiograph import UnreadableImage
from chexnet.tables import hash_image_ids
from chexnet.training import TrainConfig, train
from chexnet.training import train as train_function
from chexnet.training.callbacks import read_metrics
from chexnet.training.data import read_training_data
from chexnet.training.module import CheXNetModule

run_module = sys.modules["chexnet.training.run"]

KILLED = """
import os, signal, sys
from pathlib import Path
import torch
sys.path.insert(0, sys.argv[1])
from synthetic_films import HERE, recipe
from chexnet.training import train
from chexnet.training.module import CheXNetModule

torch.set_num_threads(1)
step = CheXNetModule.training_step

def training_step(module, batch, index):
    if module.current_epoch == 1 and index == 2:
        os.kill(os.getpid(), getattr(signal, sys.argv[4]))
    return step(module, batch, index)

CheXNetModule.training_step = training_step
train(Path(sys.argv[2]), Path(sys.argv[3]), recipe(), HERE)
"""


def run_until_signal(films, folder, name):
    """The recipe in a process of its own, which gets the signal in the middle of its second epoch."""
    tests = Path(__file__).parents[1]
    # Without the type checker of the tests, whose threads and hooks a user's run has not either.
    return subprocess.run(
        [sys.executable, "-c", KILLED, tests, films, folder, name],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=tests.parent,
    )


@pytest.fixture
def no_export(monkeypatch):
    """Spares tests of the training itself the half minute that the export takes."""
    monkeypatch.setattr(run_module, "_export", lambda *_: None)


def without_seconds(folder):
    return [{key: cell for key, cell in row.items() if key != "seconds"} for row in read_metrics(folder)]


def test_a_run_learns_and_leaves_its_record(finished):
    rows = read_metrics(finished.folder)
    assert [row["epoch"] for row in rows] == ["0", "1", "2"]
    losses = [float(row["val_loss"]) for row in rows]
    # A bright square in noise: the weighted loss of a network that knows nothing is about log 2 / 2.
    assert losses[-1] < 0.1 < losses[0]
    assert float(rows[-1]["train_loss"]) < 0.5 * float(rows[0]["train_loss"])
    assert float(rows[-1]["val_auroc"]) == 1
    assert finished.epochs == 3
    assert finished.validation_loss == pytest.approx(min(losses), rel=1e-5)
    assert finished.rank == 0
    assert (finished.folder / "losses.png").read_bytes().startswith(b"\x89PNG")
    assert not list(finished.folder.glob("*partial*"))


def test_the_record_names_data_recipe_and_training_images(finished, films):
    held = json.loads((finished.folder / "recipe.json").read_text())
    assert held["recipe"] == recipe().to_dict()
    assert held["images"] == {"train": 42, "validation": 6, "test": 12}
    assert held["patients"] == {"train": 21, "validation": 3, "test": 6}
    names = (finished.folder / "training_ids.txt").read_text().splitlines()
    manifest = read_manifest(films)
    assert names == [manifest.image_ids[row] for row in split_of(manifest).train]
    assert held["train_ids_sha256"] == hash_image_ids(names)


def test_checkpoints_hold_weights_under_plain_names_and_the_provenance(finished):
    for name in ("best.ckpt", "last.ckpt"):
        checkpoint = read_checkpoint(finished.folder / name)
        assert "features.conv0.weight" in checkpoint.state
        assert len(checkpoint.content["validation_losses"]) == 3
        held = json.loads((finished.folder / "recipe.json").read_text())
        assert json.loads(checkpoint.content["chexnet_provenance"]) == held


def test_a_run_killed_in_the_middle_of_an_epoch_ends_as_if_it_had_not_been(
    films, finished, tmp_path, monkeypatch
):
    folder = tmp_path / "killed"
    killed = run_until_signal(films, folder, "SIGKILL")
    assert killed.returncode == -signal.SIGKILL
    assert [row["epoch"] for row in read_metrics(folder)] == ["0"]
    assert not (folder / "tiny.onnx").exists()

    with monkeypatch.context() as patched:
        patched.setattr(run_module, "_export", lambda *_: None)
        train(films, folder, recipe(), HERE)
    assert without_seconds(folder) == without_seconds(finished.folder)
    for name in ("best.ckpt", "last.ckpt"):
        ours, theirs = read_state(folder / name), read_state(finished.folder / name)
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[key], theirs[key]) for key in ours)

    # Called once more, the finished run exports again and does nothing else.
    before = {file.name: file.stat().st_mtime_ns for file in folder.iterdir()}
    again = train(films, folder, recipe(), HERE)
    assert all((folder / name).stat().st_mtime_ns == time for name, time in before.items())
    assert {file.name for file in folder.iterdir()} - before.keys() == {
        "tiny.onnx",
        "validation_predictions.csv",
        "test_predictions.csv",
    }
    assert again == replace(finished, model=folder / "tiny.onnx", folder=folder)
    # The same weights give the same file, byte for byte.
    assert (folder / "tiny.onnx").read_bytes() == finished.model.read_bytes()


@pytest.fixture(scope="module")
def interrupted(films, tmp_path_factory):
    folder = tmp_path_factory.mktemp("interrupted")
    return folder, run_until_signal(films, folder, "SIGINT")


def test_an_interrupted_run_exports_nothing_and_can_go_on(interrupted):
    folder, ended = interrupted
    assert ended.returncode in (1, -signal.SIGINT)
    assert ended.stderr.rstrip().endswith("KeyboardInterrupt")
    assert (folder / "last.ckpt").is_file()
    assert not (folder / "tiny.onnx").exists()


def test_a_run_says_nothing_but_its_progress(interrupted):
    # Of a fresh process, since Lightning and Python give each warning once.
    said = interrupted[1].stderr.split("Traceback")[0]
    lines = [line for line in said.replace("\r", "\n").splitlines() if line.strip()]
    assert lines
    assert all("step/s" in line or "s/step" in line or "?step" in line for line in lines), lines


def test_a_run_whose_record_or_best_epoch_is_lost_is_told_of(films, finished, tmp_path, no_export):
    folder = Path(shutil.copytree(finished.folder, tmp_path / "run"))
    (folder / "recipe.json").write_text("{")
    with pytest.raises(ValueError, match=r"recipe\.json: damaged"):
        train(films, folder, recipe(), HERE)
    shutil.copy(finished.folder / "recipe.json", folder)
    last = folder / "last.ckpt"
    last.write_bytes(last.read_bytes()[:50_000])
    with pytest.raises(ValueError, match=r"last\.ckpt: not a readable checkpoint"):
        train(films, folder, recipe(), HERE)


def test_a_finished_run_without_its_best_epoch_is_told_of(films, finished, tmp_path):
    folder = Path(shutil.copytree(finished.folder, tmp_path / "run"))
    (folder / "best.ckpt").unlink()
    with pytest.raises(ValueError, match=r"best\.ckpt is no longer there, and the run has ended"):
        train(films, folder, recipe(), HERE)


def test_a_folder_of_another_recipe_is_refused_with_the_difference(films, finished):
    before = {file: file.stat().st_mtime_ns for file in finished.folder.iterdir()}
    with pytest.raises(ValueError) as error:
        train(films, finished.folder, recipe(learning_rate=0.01), HERE)
    assert "recipe.learning_rate is 0.001 there and 0.01 here" in str(error.value)
    assert "recipe.seed" not in str(error.value)
    assert before == {file: file.stat().st_mtime_ns for file in finished.folder.iterdir()}


def test_a_moved_run_goes_on_and_still_knows_its_best_epoch(films, tmp_path, no_export, monkeypatch):
    """The second epoch is made worse than the first; the best stays the first, in a new place too."""
    config = recipe(max_epochs=2, seed=3)
    validate = CheXNetModule.loss

    def loss(module, logits, labels):
        worse = 5.0 if not module.training and module.current_epoch == 1 else 0.0
        if not module.training and module.current_epoch == 1 and not (tmp_path / "new").exists():
            raise OSError("the disk is gone")
        return validate(module, logits, labels) + worse

    monkeypatch.setattr(CheXNetModule, "loss", loss)
    with pytest.raises(OSError, match="the disk is gone"):
        train(films, tmp_path / "old", config, HERE)
    best = read_state(tmp_path / "old" / "best.ckpt")
    (tmp_path / "old").rename(tmp_path / "new")
    trained = train(films, tmp_path / "new", config, HERE)
    assert trained.epochs == 2
    kept = read_state(tmp_path / "new" / "best.ckpt")
    assert all(torch.equal(best[key], kept[key]) for key in best)


def test_a_run_may_start_from_another_runs_checkpoint_and_hands_its_provenance_down(
    films, finished, tmp_path, no_export
):
    config = recipe(weights=str(finished.folder / "best.ckpt"), max_epochs=1)
    train(films, tmp_path, config, HERE)
    held = json.loads((tmp_path / "recipe.json").read_text())
    assert held["initial_weights"]["source"] == held["recipe"]["weights"] == "best.ckpt"
    assert held["initial_weights"]["trained_on"] == json.loads((finished.folder / "recipe.json").read_text())
    # The trunk knows the squares already; only the head is new.
    first, from_nothing = (read_metrics(folder)[0] for folder in (tmp_path, finished.folder))
    assert float(first["train_loss"]) < 0.75 * float(from_nothing["train_loss"])


def test_weights_that_do_not_exist_or_do_not_fit_are_refused_before_the_folder_is_taken(films, tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(ValueError, match="expected imagenet, none, or a checkpoint file that exists"):
        train(films, folder, recipe(weights=str(tmp_path / "none.ckpt")), HERE)
    (tmp_path / "bad.ckpt").write_bytes(b"garbage")
    with pytest.raises(ValueError, match=r"bad\.ckpt: not a readable checkpoint"):
        train(films, folder, recipe(weights=str(tmp_path / "bad.ckpt")), HERE)
    assert not folder.exists()


@pytest.mark.parametrize(
    "hardware",
    [
        {"devices": "0,1"},
        {"devices": "two"},
        {"devices": "0"},
        {"devices": "-1"},
        {"accelerator": "banana"},
        {"strategy": "banana"},
        {"precision": "banana"},
    ],
    ids=str,
)
def test_hardware_that_is_not_there_is_refused_before_the_folder_is_taken(films, tmp_path, hardware):
    folder = tmp_path / "run"
    with pytest.raises(ValueError) as error:
        train(films, folder, recipe(), replace(HERE, **hardware))
    assert str(error.value).startswith("this machine cannot train on Hardware(")
    assert "\n" not in str(error.value)
    assert not folder.exists()


def test_a_damaged_image_stops_the_run_by_its_name_and_once_mended_the_run_goes_on(
    tmp_path, no_export, monkeypatch
):
    films = write_films(tmp_path, films=24)
    config = recipe(max_epochs=2, batch_size=4)
    whole = {path: path.read_bytes() for path in tmp_path.glob("*.png")}

    class Damage(Callback):
        def on_train_epoch_end(self, *_):
            for path, content in whole.items():
                path.write_bytes(content[:200])

    with monkeypatch.context() as patched:
        patched.setattr(run_module, "Progress", Damage)
        with pytest.raises(UnreadableImage) as error:
            train(films, tmp_path / "run", config, HERE)
    assert Path(error.value.source) in whole
    assert len(read_metrics(tmp_path / "run")) == 1
    for path, content in whole.items():
        path.write_bytes(content)
    assert train(films, tmp_path / "run", config, HERE).epochs == 2


def test_a_loss_that_is_no_number_ends_the_run(films, tmp_path, no_export, monkeypatch):
    monkeypatch.setattr(CheXNetModule, "loss", lambda module, logits, labels: logits.sum() * float("nan"))
    with pytest.raises(FloatingPointError, match=r"validation loss of epoch 1 is nan: .* has diverged"):
        train(films, tmp_path, recipe(max_epochs=1), HERE)
    assert not (tmp_path / "last.ckpt").exists()


def table(tmp_path, rows, header="image,patient,split,Pneumonia"):
    write_films(tmp_path, films=4)
    (tmp_path / "own.csv").write_text("\n".join([header, *rows]) + "\n")
    return tmp_path / "own.csv"


def test_a_patient_on_two_sides_is_refused(tmp_path):
    data = table(tmp_path, ["000.png,a,train,1", "001.png,a,validation,0"])
    with pytest.raises(ValueError, match=r"001\.png: patient a is in both train and validation"):
        train(data, tmp_path / "run", recipe(), HERE)


def test_a_missing_file_is_refused_up_front(tmp_path):
    data = table(tmp_path, ["000.png,a,train,1", "999.png,b,validation,0"])
    with pytest.raises(ValueError, match=r"1 of 2 images are missing, the first .*999\.png"):
        train(data, tmp_path / "run", recipe(), HERE)


@pytest.mark.parametrize("part", ["train", "validation"])
def test_a_part_without_a_known_label_is_refused(tmp_path, part):
    label = {"train": "1", "validation": "0"} | {part: ""}
    data = table(
        tmp_path, [f"000.png,a,train,{label['train']}", f"001.png,b,validation,{label['validation']}"]
    )
    with pytest.raises(ValueError, match=f"no image of {part} has a known label of Pneumonia"):
        read_training_data(data, recipe())


def test_a_table_without_the_tasks_labels_is_refused(tmp_path):
    data = table(tmp_path, ["000.png,a,train,1"])
    with pytest.raises(ValueError, match=r"no label column for Atelectasis.*it has Pneumonia"):
        read_training_data(data, TrainConfig())


def test_training_images_without_pneumonia_are_refused(tmp_path):
    data = table(tmp_path, ["000.png,a,train,0", "001.png,b,train,0", "002.png,c,validation,1"])
    with pytest.raises(ValueError, match="0 images with and 2 without pneumonia"):
        train(data, tmp_path / "run", recipe(), HERE)


def test_soft_labels_count_in_their_parts(tmp_path):
    data = table(tmp_path, ["000.png,a,train,0.25", "001.png,b,train,0.75", "002.png,c,validation,"])
    (tmp_path / "own.csv").write_text(data.read_text().replace("validation,", "validation,1"))
    weights = run_module._loss_weights(read_training_data(data, recipe()), recipe())
    assert weights == pytest.approx((0.5, 0.5))


def test_a_chestxray14_folder_can_be_trained_on(data_dir):
    found = read_training_data(data_dir / "chestxray14", TrainConfig(), only_present=True)
    assert len(found.manifest) == 1_330
    assert found.provenance()["data"] == "ChestX-ray14"
    patients = [set(found.part(name).patients) for name in ("train", "validation", "test")]
    assert sum(len(part) for part in patients) == len(set.union(*patients))


def test_the_public_name_is_the_function():
    assert chexnet.train is train_function
    assert chexnet.TrainConfig is TrainConfig


ONE_OF_SEVERAL = """
import os, signal, sys
from dataclasses import replace
from pathlib import Path
import torch
sys.path.insert(0, sys.argv[1])
from synthetic_films import HERE, recipe
from chexnet.training import train
from chexnet.training.module import CheXNetModule

run_module = sys.modules["chexnet.training.run"]
run_module._export = lambda *_: None
torch.set_num_threads(1)
"""
"""How the script of a process begins that takes part in a run without exporting it."""

PROCESSES = (
    ONE_OF_SEVERAL
    + """
start = CheXNetModule.on_train_epoch_start

def on_train_epoch_start(module):
    # Each process normalises its own share of a batch; without that, they must agree.
    for norm in (part for part in module.modules() if isinstance(part, torch.nn.BatchNorm2d)):
        norm.eval()
    start(module)

CheXNetModule.on_train_epoch_start = on_train_epoch_start
if __name__ == "__main__":
    processes = int(sys.argv[4])
    hardware = replace(HERE, devices=str(processes), strategy="ddp" if processes > 1 else "auto")
    config = recipe(max_epochs=2, network=sys.argv[5], task=sys.argv[6], learning_rate=float(sys.argv[7]))
    train(Path(sys.argv[2]), Path(sys.argv[3]), config, hardware)
"""
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "task", "rate"), [("densenet121", "pneumonia", "1e-3"), ("wang2017", "pathologies", "1e-5")]
)
def test_two_processes_take_the_steps_of_one_but_for_batch_normalisation(tmp_path, network, task, rate):
    """The loss of wang2017 weighs by the labels of the whole batch, of which each process has a half.

    Weighing by the half alone changes its first epoch's loss by a quarter. Its steps are small: fifty layers
    whose norms do nothing blow rounding up to a thousandth within ten steps of CheXNet's size.
    """
    films = write_films(tmp_path / "films", findings=PATHOLOGIES)
    script = tmp_path / "processes.py"
    script.write_text(PROCESSES)
    tests = Path(__file__).parents[1]
    for processes in ("1", "2"):
        command = [sys.executable, script, tests, films, tmp_path / processes, processes, network, task, rate]
        subprocess.run(command, check=True, timeout=300, capture_output=True, cwd=tests.parent)
    one, two = (without_seconds(tmp_path / processes) for processes in ("1", "2"))
    assert len(one) == len(two) == 2
    for alone, shared in zip(one, two, strict=True):
        for loss in ("train_loss", "val_loss"):
            # Sums of a batch in another order, through ten steps of Adam.
            assert float(alone[loss]) == pytest.approx(float(shared[loss]), rel=1e-3)


DYING = (
    ONE_OF_SEVERAL
    + """
step = CheXNetModule.training_step

def training_step(module, batch, index):
    if (module.current_epoch, index, module.trainer.global_rank) == (1, 1, int(sys.argv[4])):
        os.kill(os.getpid(), signal.SIGKILL)
    return step(module, batch, index)

CheXNetModule.training_step = training_step
if __name__ == "__main__":
    try:
        hardware = replace(HERE, devices="2", strategy="ddp")
        train(Path(sys.argv[2]), Path(sys.argv[3]), recipe(max_epochs=2), hardware)
    except OSError as error:
        sys.exit(f"Error: {error}")
"""
)


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_process_ends_the_run_with_a_word_and_the_run_goes_on(films, tmp_path, victim):
    script, tests, folder = tmp_path / "dying.py", Path(__file__).parents[1], tmp_path / "run"
    script.write_text(DYING)

    def run(dies):
        command = [sys.executable, script, tests, films, folder, str(dies)]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=300, check=False, cwd=tests.parent
        )

    ended = run(victim)
    assert ended.returncode != 0
    # Whichever of the two notices first: the other process, or Lightning's observer.
    assert "the last whole epoch is kept: give the same command to go on" in ended.stderr
    first = without_seconds(folder)
    assert [row["epoch"] for row in first] == ["0"]

    assert run(-1).returncode == 0
    rows = without_seconds(folder)
    assert [row["epoch"] for row in rows] == ["0", "1"]
    assert rows[0] == first[0]
