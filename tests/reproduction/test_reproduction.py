"""The whole experiment on a small synthetic ChestX-ray14, and on the real films that are there."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from chestxray14_folder import write_chestxray14
from PIL import Image

from chexnet.datasets import BOXES, ChestXray14, PackConfig, open_pack, read_split
from chexnet.paper import PNEUMONIA_SPLIT
from chexnet.reproduction import Reproduction, Steps, reproduce
from chexnet.reproduction.data_stages import choose_images, pack, split_of_pneumonia
from chexnet.reproduction.experiment import Data
from chexnet.reproduction.reproduce import plan_stages
from chexnet.reproduction.stages import Watcher, alone
from chexnet.reproduction.train_stage import Training
from chexnet.training import Hardware, TrainConfig

ROOT = Path(__file__).parents[2]
HERE = Hardware(accelerator="cpu", workers=0)
TINY = Reproduction(quick=True, films=100, image_size=32, network=("chexnet",))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_chestxray14(tmp_path_factory.mktemp("ChestX-ray14"))


@pytest.fixture(scope="module")
def finished(root, tmp_path_factory):
    output = tmp_path_factory.mktemp("reproduction")
    return output, reproduce(root, output, TINY, HERE)


def states(outcomes):
    return {one.stage: one.state for one in outcomes}


def test_all_stages_end_in_one_report(finished):
    output, outcomes = finished
    assert set(states(outcomes).values()) == {"done"}
    page = (output / "report" / "report.html").read_text()
    assert '<p class="loud">These numbers mean nothing.</p>' in page
    assert "100 images were used, of 120 that are there" in page
    for published in ("0.8094", "0.7160", "0.7720"):
        assert published in page
    assert "CheXNet (70 / 10 / 20 by patient)" in page
    assert "chexnet train" in page
    # Two pictures are drawn as vectors, the films of Figure 2 as pixels.
    assert len(re.findall(r'src="data:image/png', page)) == 1
    measured = json.loads((output / "evaluate-chexnet" / "evaluation.json").read_text())
    shown = re.search(r"Mean AUROC of \d+ pathologies: <strong>([\d.]+)", page)
    assert float(shown[1]) == pytest.approx(measured["mean_auroc"], abs=5e-5)


def test_what_is_done_is_kept_and_the_same_numbers_give_the_same_page(root, finished):
    output, _ = finished
    page = (output / "report" / "report.html").read_bytes()
    assert set(states(reproduce(root, output, TINY, HERE)).values()) == {"kept"}
    again = reproduce(root, output, TINY, HERE, steps=Steps(from_stage="figure-2"))
    assert [one.stage for one in again if one.state == "done"] == ["figure-2", "localise-chexnet", "report"]
    assert (output / "report" / "report.html").read_bytes() == page


def test_the_record_says_what_was_run_on_what(finished):
    output, _ = finished
    record = json.loads((output / "reproduction.json").read_text())
    train = next(one for one in record["stages"] if one["stage"] == "train-chexnet")
    assert train["details"]["command"].startswith("chexnet train ")
    assert "--split" in train["details"]["command"]
    assert "chexnet.onnx" in train["outputs"]
    assert train["attempts"][0]["seconds"] > 0
    split = next(one for one in record["stages"] if one["stage"] == "split-pathologies")
    assert split["details"]["films_used"] == 100


def test_boxed_films_of_the_test_part_alone_are_scored(finished):
    output, _ = finished
    found = json.loads((output / "localise-chexnet" / "localisation.json").read_text())
    counts = found["counts"]
    assert 0 < counts["of_the_test_part"] == found["localisation"]["films"] < counts["there"]


def test_each_split_is_audited_and_its_films_packed_once(finished):
    output, _ = finished
    page = (output / "report" / "report.html").read_text()
    assert "Audit of pathologies: no patient is in two parts" in page
    found = json.loads((output / "audit" / "pathologies.json").read_text())
    assert found["leaks"] == 0
    assert {part["images"] for part in found["parts"]} == {
        len(images) for images in read_split(output / "split-pathologies" / "split.csv").images.values()
    }
    assert len(open_pack(output / "pack")) == 100
    recipe = json.loads((output / "train-chexnet" / "recipe.json").read_text())
    assert recipe["recipe"]["eight_bit"]


def test_a_film_that_cannot_be_read_is_named_and_its_pack_goes_on_when_it_is_mended(root, tmp_path):
    copy = Path(shutil.copytree(root, tmp_path / "copy"))
    data, size = Data(copy, copy / BOXES, None, None), PackConfig(image_size=32, workers=1)
    damaged = next(copy.rglob("00000003_001.png"))
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:-100])
    with pytest.raises(ValueError, match=r"1 of 120 images cannot be read(.|\n)*00000003_001.png"):
        pack(data, Reproduction(), size, tmp_path / "pack")
    damaged.write_bytes(whole)
    assert pack(data, Reproduction(), size, tmp_path / "pack") == {"films": 120, "size": 32}


def test_what_cannot_be_fetched_is_told_and_nothing_is_begun(tmp_path):
    (tmp_path / "mirror").mkdir()
    answer = partial(SimpleHTTPRequestHandler, directory=tmp_path / "mirror")
    with ThreadingHTTPServer(("127.0.0.1", 0), answer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        config = replace(TINY, download=True, mirror=f"http://127.0.0.1:{server.server_port}")
        with pytest.raises(ValueError, match=r"is not complete; run the same command(.|\n)*images_001.*404"):
            reproduce(tmp_path / "data", tmp_path / "out", config, HERE)
        server.shutdown()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["lock"]


def test_a_download_waits_for_another_run_in_the_same_folder(tmp_path):
    """Two that fetch into the same folder would write over each other."""
    waited = []

    def give_up(process):
        waited.append(process)
        raise TimeoutError

    config = replace(TINY, download=True, mirror="http://127.0.0.1:9")
    with alone(tmp_path / "out", lambda _: None), pytest.raises(TimeoutError):
        reproduce(tmp_path / "data", tmp_path / "out", config, HERE, watcher=Watcher(wait=give_up))
    assert waited == [str(os.getpid())]
    assert not (tmp_path / "data").exists()


def split_again(root, output, config=TINY):
    steps = Steps(only=("check", "split-pathologies"))
    return states(reproduce(root, output, config, HERE, steps=steps))["split-pathologies"]


def test_another_film_makes_everything_be_done_again_and_not_the_check_alone(root, tmp_path):
    copy, output = Path(shutil.copytree(root, tmp_path / "copy")), tmp_path / "out"
    one, other = (next(copy.rglob(f"0000000{n}_000.png")) for n in (2, 4))
    kept = other.read_bytes()
    other.unlink()
    assert split_again(copy, output) == "done"
    assert split_again(copy, output) == "kept"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)).save(one)
    assert split_again(copy, output) == "done"
    # As many films as before, and not the same.
    one.unlink()
    other.write_bytes(kept)
    assert split_again(copy, output) == "done"


def test_a_training_of_another_split_is_not_measured_on_this_one(root, finished, tmp_path):
    output = Path(shutil.copytree(finished[0], tmp_path / "copy"))
    other, asked = replace(TINY, seed=1), ("split-pathologies", "localise-chexnet", "report")
    with pytest.raises(ValueError, match="localise-chexnet needs what train-chexnet leaves"):
        reproduce(root, output, other, HERE, steps=Steps(only=asked))
    outcomes = reproduce(root, output, other, HERE, steps=Steps(skip=("train-chexnet", "pack")))
    assert {name: state for name, state in states(outcomes).items() if "chexnet" in name} == dict.fromkeys(
        ["train-chexnet", "evaluate-chexnet", "localise-chexnet"], "left out"
    )
    assert "Mean AUROC" not in (output / "report" / "report.html").read_text()


def inputs(root, output, stage, **changes):
    return plan_stages(root, output, replace(TINY, **changes), HERE).inputs(stage)


def test_what_a_stage_reads_or_is_told_is_among_its_inputs(root, tmp_path):
    weights, boxes = tmp_path / "w.ckpt", tmp_path / "boxes.csv"
    weights.write_text("one")
    boxes.write_text("image,x,y,width,height\n00000002_000.png,1,1,9,9\n")
    before = inputs(root, tmp_path, "train-chexnet", weights=str(weights))
    weights.write_text("other")
    assert inputs(root, tmp_path, "train-chexnet", weights=str(weights)) != before
    for stage in ("figure-2", "localise-chexnet", "split-pathologies"):
        first, second = (
            inputs(root, tmp_path, stage, boxes=boxes, boxes_finding=name) for name in ("Mass", "Nodule")
        )
        assert first != second


def changed_stages(one, other):
    """Stages whose inputs differ, except for what stages before them have left."""
    return {stage for stage in one if one[stage] | {"stages": None} != other[stage] | {"stages": None}}


def all_inputs(root, output, **changes):
    plan = plan_stages(root, output, replace(TINY, **changes), HERE)
    return {name: plan.inputs(name) for name in plan.stages}


def test_another_label_or_patient_in_the_table_makes_all_that_reads_it_be_done_again(root, tmp_path):
    copy = Path(shutil.copytree(root, tmp_path / "copy"))
    before = all_inputs(copy, tmp_path / "out")
    table = copy / "Data_Entry_2017_v2020.csv"
    table.write_text(table.read_text().replace("No Finding", "Mass", 1))
    # The pack holds images alone, and those are the same.
    changed = changed_stages(before, all_inputs(copy, tmp_path / "out"))
    assert changed == before.keys() - {"report", "pack"}
    other_image = table.read_text().replace("00000002_000.png", "00000002_999.png")
    table.write_text(other_image)
    assert changed_stages(before, all_inputs(copy, tmp_path / "out")) == before.keys() - {"report"}


def test_a_lost_plot_trains_no_network_again(root, finished):
    output, _ = finished
    (output / "train-chexnet" / "losses.png").unlink()
    assert set(states(reproduce(root, output, TINY, HERE)).values()) == {"kept"}


def test_what_no_training_reads_leaves_trainings_alone(root, tmp_path):
    copy, output = Path(shutil.copytree(root, tmp_path / "copy")), tmp_path / "out"
    whole = replace(TINY, quick=False, films=None, only_present=True)
    steps = Steps(only=("check", "split-pathologies", "pack"))
    assert set(states(reproduce(copy, output, whole, HERE, steps=steps)).values()) >= {"done"}
    (copy / BOXES).unlink()
    (copy / "test_list.txt").unlink(missing_ok=True)
    (copy / "images").mkdir(exist_ok=True)
    film = next(copy.rglob("00000002_000.png"))
    (copy / "images" / "zz_stranger.png").write_bytes(film.read_bytes())
    film.rename(copy / "images" / film.name)
    again = states(reproduce(copy, output, whole, HERE, steps=steps))
    assert (again["check"], again["split-pathologies"], again["pack"]) == ("done", "kept", "kept")
    # Neither is a pack made again for another network of the same films.
    both = replace(whole, network=("chexnet", "pneumonia"))
    assert states(reproduce(copy, output, both, HERE, steps=Steps(only=("pack",))))["pack"] == "kept"


def test_weights_that_are_not_there_are_refused_before_anything_is_begun(root, tmp_path):
    with pytest.raises(ValueError, match=r"weights are .*typo.ckpt'; expected imagenet, none, or a check"):
        reproduce(root, tmp_path / "out", replace(TINY, weights=str(tmp_path / "typo.ckpt")), HERE)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("what", ["boxes", "readings"])
def test_a_table_that_is_asked_for_and_not_there_is_refused(root, tmp_path, what):
    with pytest.raises(ValueError, match=f"{what} are .*typo.csv; expected a file that exists"):
        reproduce(root, tmp_path, replace(TINY, **{what: tmp_path / "typo.csv"}), HERE)


def test_a_stage_that_does_not_exist_is_refused_before_anything_is_fetched(tmp_path):
    config = replace(TINY, download=True, mirror="http://127.0.0.1:9")
    with pytest.raises(ValueError, match="there is no stage 'nope'"):
        reproduce(tmp_path / "data", tmp_path, config, HERE, steps=Steps(only=("nope",)))


def test_an_incomplete_copy_is_refused_with_what_to_do(root, tmp_path):
    copy = write_chestxray14(tmp_path / "copy", patients=20)
    next(copy.rglob("*_001.png")).unlink()
    with pytest.raises(ValueError, match=r"39 of the 40 images(.|\n)*chexnet download(.|\n)*`only_present`"):
        reproduce(copy, tmp_path / "out", replace(TINY, quick=False, weights="none"), HERE)
    assert not (tmp_path / "out" / "check").exists()


def test_a_choice_of_films_keeps_patients_whole_and_holds_what_is_asked_for(root):
    labels = ChestXray14(root).labels()
    there = np.arange(len(labels.images))
    rows = choose_images(labels, there, 40, ["4", "8"], seed=0)
    owner = np.asarray(labels.patients)
    assert 40 <= len(rows) <= 42
    assert {"4", "8"} <= set(owner[rows])
    assert np.isin(np.flatnonzero(np.isin(owner, owner[rows])), rows).all()
    assert choose_images(labels, there, None, [], seed=0) is there


def test_films_that_were_read_are_the_test_part_of_the_pneumonia_task(root):
    labels = ChestXray14(root).labels()
    read = ["00000004_000.png", "00000009_001.png"]
    parts, how = split_of_pneumonia(labels, read, seed=0)
    names = np.asarray(labels.images)
    assert set(names[parts.test]) == set(read)
    owner = np.asarray(labels.patients)
    assert not np.isin(owner[np.concatenate([parts.train, parts.validation])], ["4", "9"]).any()
    assert "radiologists read" in how


def test_the_whole_data_set_has_the_papers_split_of_the_pneumonia_task(data_dir):
    labels = ChestXray14(data_dir / "chestxray14").labels()
    parts, _ = split_of_pneumonia(labels, [], seed=0)
    assert {name: len(rows) for name, rows in parts.parts().items()} == {
        name: images for name, (_, images) in PNEUMONIA_SPLIT.items()
    }


def test_a_training_is_one_command_that_a_person_could_type(tmp_path):
    training = Training(
        Path("data"), TrainConfig(weights="none"), Hardware(devices="8"), ("--split", "s.csv"), "srun -N 2"
    )
    assert training.command(tmp_path)[:6] == ["srun", "-N", "2", sys.executable, "-m", "chexnet"]
    shown = training.shown(Path("run"))
    assert shown == "srun -N 2 chexnet train data run --split s.csv --weights none --devices 8"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"network": ("resnet",)}, "network is 'resnet'; expected chexnet"),
        ({"films": 3}, "films is 3; expected at least 40"),
        ({"image_size": 100}, "image_size is 100; expected a multiple of 32"),
        ({"samples": -1}, "samples"),
        ({"samples": 0}, "samples"),
        ({"seed": 2**63}, "seed is 9223372036854775808; expected at least 0 and below 2**63"),
        ({"seed": -1}, "seed is -1"),
        ({"mirror": "https://mirror.example"}, "mirror is given without download"),
    ],
    ids=str,
)
def test_impossible_settings_are_refused(settings, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        Reproduction(**settings)


def command(root, output, *more):
    settings = ["--quick", "--films", 100, "--image-size", 32, "--network", "chexnet", "--max-epochs", 2]
    where = ["--output", output, "--accelerator", "cpu", "--workers", 0]
    words = [sys.executable, "-m", "chexnet", "reproduce", root, *settings, *where, *more]
    return [str(word) for word in words]


def run(root, output):
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    ended = subprocess.run(
        command(root, output), capture_output=True, text=True, check=False, cwd=ROOT, env=environment
    )
    assert ended.returncode == 0, ended.stderr
    return ended


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["packing", "training", "report"])
def test_killed_in_the_middle_the_next_run_ends_with_the_same_numbers(root, tmp_path, moment):
    output, whole = tmp_path / "killed", tmp_path / "whole"
    run(root, whole)
    waited = {
        "packing": "pack.partial/films.jsonl.partial",
        "training": "train-chexnet.partial/last.ckpt",
        "report": "localise-chexnet",
    }[moment]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command(root, output), stderr=subprocess.DEVNULL, cwd=ROOT, env=environment, start_new_session=True
    )
    try:
        while not (output / waited).exists() and process.poll() is None:
            time.sleep(0.02)
    finally:
        # The command and the training that it started.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    run(root, output)
    for name in (
        "pack/films.npy",
        "pack/films.jsonl",
        "evaluate-chexnet/evaluation.json",
        "localise-chexnet/localisation.json",
    ):
        assert (output / name).read_bytes() == (whole / name).read_bytes()
    pages = [(one / "report" / "report.html").read_text() for one in (output, whole)]
    assert pages[0].replace(str(output), "") == pages[1].replace(str(whole), "")


@pytest.mark.slow
def test_the_rehearsal_on_the_real_films_says_what_it_is(data_dir, tmp_path):
    outcomes = reproduce(data_dir / "chestxray14", tmp_path, Reproduction(quick=True, image_size=32), HERE)
    assert set(states(outcomes).values()) == {"done"}
    page = (tmp_path / "report" / "report.html").read_text()
    assert "These numbers mean nothing." in page
    assert "of 1,330 that are there and 112,120 in the table" in page
    split = read_split(tmp_path / "split-pathologies" / "split.csv")
    assert 240 <= sum(map(len, split.images.values())) < 260
