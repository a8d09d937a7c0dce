"""Files meant to break the command: a clear line for each, the rest scored, memory bounded."""

import json
import resource
import shutil
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image

MEMORY_MIB = 1500
"""Address space of the command beyond what an ordinary film needs is refused by the kernel."""


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + crc

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def truncations(folder: Path, source: Path, kind: str) -> None:
    content = source.read_bytes()
    for tenth in range(10):
        (folder / f"truncated{tenth}.{kind}").write_bytes(content[: len(content) * tenth // 10])


def changed_dicom(source: Path, target: Path, **elements: object) -> None:
    dataset = pydicom.dcmread(source)
    for name, value in elements.items():
        setattr(dataset, name, value)
    dataset.save_as(target)


@pytest.fixture(scope="module")
def unreadable(tmp_path_factory: pytest.TempPathFactory, example_film: Path, example_dicom: Path) -> Path:
    folder = tmp_path_factory.mktemp("unreadable")
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.png").write_text("I am a text file named .png")
    jpeg = folder.parent / "film.jpg"
    Image.open(example_film).save(jpeg)
    truncations(folder, example_film, "png")
    truncations(folder, jpeg, "jpg")
    truncations(folder, example_dicom, "dcm")
    Image.new("L", (1, 1)).save(folder / "one_pixel.png")
    Image.new("L", (1, 20000)).save(folder / "line.png")
    (folder / "bomb.png").write_bytes(png_header(30000, 30000))
    frames = [Image.fromarray(np.full((64, 64), value, np.uint8)) for value in (0, 255)]
    frames[0].save(folder / "animated.gif", save_all=True, append_images=frames[1:])
    shutil.copy(folder / "animated.gif", folder / "animated.png")
    (folder / "loop.png").symlink_to(folder / "loop.png")
    changed_dicom(example_dicom, folder / "ct.dcm", Modality="CT")
    changed_dicom(example_dicom, folder / "enormous.dcm", Rows=60000, Columns=60000)
    return folder


@pytest.fixture(scope="module")
def odd_but_readable(tmp_path_factory: pytest.TempPathFactory, example_dicom: Path) -> Path:
    folder = tmp_path_factory.mktemp("odd")
    for name, value in (("black", 0), ("grey", 128), ("white", 255)):
        Image.fromarray(np.full((300, 300), value, np.uint8)).save(folder / f"constant_{name}.png")
    changed_dicom(example_dicom, folder / "zero_width.dcm", WindowCenter=2000, WindowWidth=0)
    dataset = pydicom.dcmread(example_dicom)
    dataset.add_new(0x00281050, "LO", "NaN")
    dataset.add_new(0x00281051, "LO", "NaN")
    with pydicom.config.disable_value_validation():
        dataset.save_as(folder / "nan_window.dcm")
    return folder


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    def limit() -> None:
        size = MEMORY_MIB * 2**20
        resource.setrlimit(resource.RLIMIT_DATA, (size, size))

    return subprocess.run(
        [sys.executable, "-m", "chexnet", "predict", *map(str, arguments)],
        capture_output=True,
        text=True,
        preexec_fn=limit,
        check=False,
        timeout=300,
    )


def test_hostile_files_are_each_told_of_in_one_line_and_nothing_else_is_lost(
    unreadable: Path, example_film: Path, example_dicom: Path
) -> None:
    hostile = sorted(path.name for path in unreadable.iterdir())
    named = [unreadable / name for name in hostile]
    result = run(example_film, *named, example_dicom, "--json")
    assert "Traceback" not in result.stderr
    assert result.returncode == 2, result.stderr[-500:]
    printed = json.loads(result.stdout)
    assert [entry["status"] for entry in printed] == ["ok", *["error"] * len(hostile), "ok"]
    for name, entry in zip(hostile, printed[1:-1], strict=True):
        assert name in entry["reason"]
        assert "\n" not in entry["reason"]


def test_nothing_but_hostile_files_ends_with_status_1(unreadable: Path) -> None:
    result = run(unreadable / "empty.png", unreadable / "bomb.png")
    assert result.returncode == 1
    assert "Traceback" not in result.stderr


def test_odd_but_readable_films_give_finite_numbers(odd_but_readable: Path) -> None:
    result = run(odd_but_readable, "--no-gate", "--json")
    assert result.returncode == 0, result.stderr
    for entry in json.loads(result.stdout):
        assert all(0 <= finding["probability"] <= 1 for finding in entry["findings"])
