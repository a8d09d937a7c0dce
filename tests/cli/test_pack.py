import sys

import pytest
from synthetic_films import write_films

import chexnet.training.run  # noqa: F401 (the module below)

run_module = sys.modules["chexnet.training.run"]


@pytest.fixture
def films(tmp_path):
    return write_films(tmp_path / "films", films=20)


def pack(chexnet_cli, films, folder, *more):
    return chexnet_cli("pack", films, folder, "--image-size", "32", "--workers", "1", *more)


def test_films_are_packed_verified_and_trained_on(chexnet_cli, films, tmp_path, monkeypatch):
    made = pack(chexnet_cli, films, tmp_path / "pack")
    assert (made.status, made.out) == (
        0,
        f"20 images at 32 pixels in {tmp_path / 'pack'}, 0 of them from before\n",
    )
    again = pack(chexnet_cli, films, tmp_path / "pack")
    assert (again.status, again.out) == (
        0,
        f"20 images at 32 pixels in {tmp_path / 'pack'}, 20 of them from before\n",
    )
    verified = chexnet_cli("pack", "--verify", tmp_path / "pack")
    assert verified.status == 0
    assert verified.out.endswith("20 images at 32 pixels, all as they were packed\n")
    monkeypatch.setattr(run_module, "_export", lambda *_: None)
    trained = chexnet_cli(
        *("train", films, tmp_path / "run", "--packed", tmp_path / "pack", "--task", "pneumonia"),
        *("--weights", "none", "--image-size", "32", "--max-epochs", "1", "--workers", "0"),
        *("--accelerator", "cpu", "--batch-size", "8"),
    )
    assert trained.status == 0, trained.err


def test_a_damaged_film_is_named_and_gives_status_2(chexnet_cli, films, tmp_path):
    (films.parent / "007.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    result = pack(chexnet_cli, films, tmp_path / "pack")
    assert result.status == 2
    assert f"error: {films.parent / '007.png'}: " in result.err
    assert "1 images could not be read" in result.err
    assert result.out.startswith("19 images")


def test_where_no_film_can_be_read_the_status_is_1(chexnet_cli, films, tmp_path):
    for film in films.parent.glob("*.png"):
        film.write_bytes(b"")
    assert pack(chexnet_cli, films, tmp_path / "pack").status == 1


def test_a_changed_pixel_is_found_and_mended(chexnet_cli, films, tmp_path):
    pack(chexnet_cli, films, tmp_path / "pack")
    path = tmp_path / "pack" / "films.npy"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    result = chexnet_cli("pack", "--verify", tmp_path / "pack")
    assert result.status == 1
    assert "1 of 20 images are not as they were packed, the first 019.png" in result.err
    mended = pack(chexnet_cli, films, tmp_path / "pack")
    assert "1 images had changed in the pack, and were packed anew" in mended.err
    assert path.read_bytes() == whole


def test_a_pack_without_a_folder_is_explained(chexnet_cli, films):
    result = chexnet_cli("pack", films)
    assert result.status == 1
    assert "name the FOLDER to pack into" in result.err


@pytest.mark.parametrize("arguments", [["--workers", "0"], ["--image-size", "0"]])
def test_a_bad_value_gives_one_line(chexnet_cli, films, tmp_path, arguments):
    result = chexnet_cli("pack", films, tmp_path / "pack", *arguments)
    assert result.status == 1
    assert "expected at least 1" in result.err
    assert not (tmp_path / "pack").exists()
