"""Packs: the same numbers as the films, the same bytes whatever happened, and no silence about damage."""

import hashlib
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from chexnet.datasets import BadPack, PackConfig, open_pack, pack_films, read_manifest
from chexnet.datasets.pack.writer import JOURNAL
from chexnet.radiograph import (
    Preprocessing,
    UnreadableImage,
    network_input,
    packed_input,
    read_radiograph,
)

SIZE = 24
SERIAL = PackConfig(image_size=SIZE, workers=1)
EIGHT_BIT = Preprocessing(SIZE, eight_bit=True)
ROOT = Path(__file__).parents[2]


@pytest.fixture
def films(tmp_path):
    """Of 8 and 16 bits, grey and colour, of several shapes."""
    generator = np.random.default_rng(0)
    folder = tmp_path / "films"
    folder.mkdir()
    for number in range(20):
        shape = (int(generator.integers(33, 60)), int(generator.integers(33, 60)))
        bits = 16 if number % 3 == 0 else 8
        values = generator.integers(0, 2**bits, shape).astype(f"uint{bits}")
        image = Image.fromarray(values)
        (image.convert("RGBA") if number % 5 == 1 and bits == 8 else image).save(folder / f"{number:03}.png")
    return sorted(folder.iterdir())


def content(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_the_input_from_a_pack_is_that_of_the_film_bit_for_bit(films, tmp_path):
    pack = pack_films(films, tmp_path / "pack", SERIAL).pack
    for film in films:
        expected = network_input(read_radiograph(film), EIGHT_BIT)
        np.testing.assert_array_equal(packed_input(pack.grey(film.name), EIGHT_BIT), expected)


def test_the_input_from_a_pack_of_real_films_is_theirs_bit_for_bit(data_dir, tmp_path):
    films = sorted((data_dir / "chestxray14" / "images").iterdir())[::100]
    films += [
        film
        for film in sorted((data_dir / "chestxray14" / "images_1024").iterdir())[:4]
        if film.name not in {other.name for other in films}
    ]
    pack = pack_films(films, tmp_path / "pack", PackConfig(workers=1)).pack
    preprocessing = Preprocessing(eight_bit=True)
    for film in films:
        expected = network_input(read_radiograph(film), preprocessing)
        np.testing.assert_array_equal(packed_input(pack.grey(film.name), preprocessing), expected)


def test_the_array_is_one_that_numpy_reads(films, tmp_path):
    pack = pack_films(films, tmp_path / "pack", SERIAL).pack
    array = np.load(tmp_path / "pack" / "films.npy", mmap_mode="r")
    assert array.shape == (len(films), SIZE, SIZE)
    assert array.dtype == np.uint8
    for row, film in enumerate(films):
        np.testing.assert_array_equal(array[row], pack.grey(film.name))


def test_the_index_names_each_film_with_the_hash_of_its_file(films, tmp_path):
    pack_films(films, tmp_path / "pack", SERIAL)
    records = [json.loads(line) for line in (tmp_path / "pack" / "films.jsonl").read_text().splitlines()]
    assert [record["image"] for record in records] == [film.name for film in films]
    for record, film in zip(records, films, strict=True):
        assert record["sha256"] == hashlib.sha256(film.read_bytes()).hexdigest()


def test_several_processes_write_the_bytes_of_one(films, tmp_path):
    pack_films(films, tmp_path / "one", SERIAL)
    pack_films(films, tmp_path / "three", PackConfig(image_size=SIZE, workers=3))
    assert content(tmp_path / "one") == content(tmp_path / "three")


KILLED = """
import os, signal, sys
from pathlib import Path
import chexnet.datasets.pack.writer as packing
from chexnet.datasets import PackConfig

left, written = int(sys.argv[3]), packing._line

def line(record):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return written(record)

packing._line = line
films = sorted(Path(sys.argv[1]).iterdir())
packing.pack_films(films, Path(sys.argv[2]), PackConfig(image_size=24, workers=1))
"""


# Before the first line of the journal, within it, and while the index is written.
@pytest.mark.parametrize("lines", [0, 7, 20, 30])
def test_a_pack_killed_at_any_moment_ends_with_the_same_bytes(films, tmp_path, lines):
    pack_films(films, tmp_path / "whole", SERIAL)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, films[0].parent, tmp_path / "killed", str(lines)],
        check=False,
        cwd=ROOT,
    )
    assert killed.returncode == -signal.SIGKILL
    with pytest.raises(BadPack, match="not finished"):
        open_pack(tmp_path / "killed")
    packed = pack_films(films, tmp_path / "killed", SERIAL)
    assert packed.kept == min(lines, len(films))
    assert content(tmp_path / "killed") == content(tmp_path / "whole")


def test_a_command_killed_with_its_processes_at_work_ends_with_the_same_bytes_and_leaves_none(tmp_path):
    generator = np.random.default_rng(1)
    folder = tmp_path / "films"
    folder.mkdir()
    rows = ["image,patient,Pneumonia"]
    for number in range(48):
        Image.fromarray(generator.integers(0, 255, (300, 300)).astype(np.uint8)).save(
            folder / f"{number:03}.png"
        )
        rows.append(f"{number:03}.png,p{number},0")
    (folder / "films.csv").write_text("\n".join(rows))
    command = [sys.executable, "-m", "chexnet", "pack", folder / "films.csv", tmp_path / "pack"]
    command += ["--image-size", "32", "--workers", "2"]
    process = subprocess.Popen(command, cwd=ROOT, start_new_session=True, stderr=subprocess.DEVNULL)
    journal = tmp_path / "pack" / JOURNAL
    while process.poll() is None and not (journal.exists() and journal.read_bytes().count(b"\n")):
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and processes_of(process.pid):
        time.sleep(0.1)
    assert not processes_of(process.pid)
    finished = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    manifest = read_manifest(folder / "films.csv")
    pack_films(manifest.images, tmp_path / "whole", PackConfig(image_size=32, workers=1))
    assert content(tmp_path / "pack") == content(tmp_path / "whole")


def processes_of(session: int) -> list[str]:
    found = subprocess.run(
        ["ps", "-o", "pid=", "-s", str(session)], capture_output=True, text=True, check=False
    )
    return found.stdout.split()


def test_a_journal_cut_off_in_a_line_loses_that_film_alone(films, tmp_path):
    whole = pack_films(films, tmp_path / "pack", SERIAL).pack.folder
    expected = content(whole)
    card = json.loads((whole / "pack.json").read_text())
    del card["index_sha256"]
    (whole / "pack.json").write_text(json.dumps(card))
    index = (whole / "films.jsonl").read_bytes()
    (whole / "films.jsonl").unlink()
    (whole / JOURNAL).write_bytes(index[:-20])
    assert pack_films(films, whole, SERIAL).kept == len(films) - 1
    assert content(whole) == expected


def test_a_damaged_film_is_named_and_the_others_are_packed(films, tmp_path):
    films[7].write_bytes(films[7].read_bytes()[:40])
    pack = pack_films(films, tmp_path / "pack", SERIAL).pack
    assert list(pack.problems) == ["007.png"]
    assert str(films[7]) in pack.problems["007.png"]
    assert "007.png" not in pack
    assert len(pack) == len(films) - 1
    for film in films[:7] + films[8:]:
        assert pack.grey(film.name).any()


def test_a_film_that_was_mended_is_packed_by_the_next_run(films, tmp_path):
    pack_films(films, tmp_path / "whole", SERIAL)
    good = films[7].read_bytes()
    films[7].write_bytes(good[:40])
    pack_films(films, tmp_path / "pack", SERIAL)
    films[7].write_bytes(good)
    packed = pack_films(films, tmp_path / "pack", SERIAL)
    assert (packed.kept, packed.repaired) == (len(films) - 1, 0)
    assert content(tmp_path / "pack") == content(tmp_path / "whole")


@pytest.fixture
def pack(films, tmp_path):
    return pack_films(films, tmp_path / "pack", SERIAL).pack


def flip_a_bit(path, place):
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def test_a_flipped_bit_is_found_when_its_film_is_read_and_the_next_run_mends_it(pack, films):
    expected = content(pack.folder)
    flip_a_bit(pack.folder / "films.npy", -1)
    damaged = open_pack(pack.folder)
    assert damaged.damaged() == [films[-1].name]
    damaged.grey(films[0].name)
    with pytest.raises(UnreadableImage, match=f"{films[-1].name}: its pixels are not those that were packed"):
        damaged.grey(films[-1].name)
    packed = pack_films(films, pack.folder, SERIAL)
    assert (packed.kept, packed.repaired) == (len(films) - 1, 1)
    assert content(pack.folder) == expected


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def test_a_pack_cut_short_is_refused_and_mended(pack, films):
    expected = content(pack.folder)
    cut(pack.folder / "films.npy")
    with pytest.raises(
        BadPack, match=r"films\.npy: 11,647 bytes; expected 20 images of 24 × 24 pixels in 11,648"
    ):
        open_pack(pack.folder)
    pack_films(films, pack.folder, SERIAL)
    assert content(pack.folder) == expected


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda folder: flip_a_bit(folder / "films.npy", 0), "films.npy: "),
        (lambda folder: cut(folder / "films.jsonl"), "not the index that was packed"),
        (lambda folder: flip_a_bit(folder / "films.jsonl", 50), "not the index that was packed"),
        (lambda folder: (folder / "films.jsonl").unlink(), "not the index that was packed"),
        (lambda folder: (folder / "films.npy").unlink(), "films.npy: 0 bytes"),
        (lambda folder: (folder / "pack.json").unlink(), "no pack.json"),
        (lambda folder: (folder / "pack.json").write_text("{}"), "damaged"),
        (lambda folder: (folder / "pack.json").write_text("[1]"), "damaged"),
        (lambda folder: (folder / "pack.json").write_text('{"format": 2}'), "a pack of format 2"),
    ],
)
def test_a_damaged_pack_is_refused(pack, harm, said):
    harm(pack.folder)
    with pytest.raises(BadPack, match=said):
        open_pack(pack.folder)


def test_a_finished_pack_is_left_as_it_is(pack, films):
    before = {path: path.stat().st_mtime_ns for path in pack.folder.iterdir() if path.name != "films.npy"}
    assert pack_films(films, pack.folder, SERIAL).kept == len(films)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_pack_of_other_films_or_of_another_size_is_not_mixed_with_these(pack, films):
    with pytest.raises(
        BadPack, match="holds a pack of 20 images at 24 pixels; expected these 19 images at 24"
    ):
        pack_films(films[1:], pack.folder, SERIAL)
    with pytest.raises(BadPack, match="expected these 20 images at 32"):
        pack_films(films, pack.folder, PackConfig(image_size=32, workers=1))


def test_two_films_of_one_name_are_refused(films, tmp_path):
    (tmp_path / "other").mkdir()
    shutil.copy(films[0], tmp_path / "other" / films[0].name)
    with pytest.raises(ValueError, match=r"2 images are called 000\.png"):
        pack_films([*films, tmp_path / "other" / films[0].name], tmp_path / "pack", SERIAL)


def test_a_disk_without_room_is_told_before_anything_is_read(films, tmp_path):
    with pytest.raises(ValueError, match=r"the pack needs [\d.]+ GB more, and [\d.]+ GB are free"):
        pack_films(films, tmp_path / "pack", PackConfig(image_size=10_000_000))


def test_a_pack_goes_to_another_process_by_its_path(pack, films):
    pack.grey(films[0].name)
    carried = pickle.dumps(pack)
    assert len(carried) < 20 * SIZE * SIZE
    np.testing.assert_array_equal(pickle.loads(carried).grey(films[0].name), pack.grey(films[0].name))


@pytest.mark.parametrize("wrong", [{"image_size": 0}, {"workers": 0}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ValueError, match="expected at least 1"):
        PackConfig(**wrong)
