"""Files are written whole or not at all; ONNX Runtime sends nothing to anyone."""

import hashlib
from pathlib import Path

import pytest

from chexnet._files import file_digest, file_sha256, whole_file, write_whole
from chexnet._onnx import UnreadableGraph, open_session


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    write_whole(path, "ä\n")
    assert path.read_bytes() == "ä\n".encode()
    with pytest.raises(KeyboardInterrupt), whole_file(path, durable=True) as partial:
        partial.write_text("half of a")
        assert path.read_bytes() == "ä\n".encode()
        raise KeyboardInterrupt
    assert path.read_bytes() == "ä\n".encode()
    assert [entry.name for entry in tmp_path.iterdir()] == ["table.csv"]


def test_a_block_that_writes_nothing_is_an_error_and_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    write_whole(path, b"old", durable=True)
    with pytest.raises(FileNotFoundError), whole_file(path):
        pass
    assert path.read_bytes() == b"old"


def test_digests_are_those_of_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "some"
    write_whole(path, bytes(range(256)) * 5000)
    assert file_sha256(path) == hashlib.sha256(path.read_bytes()).hexdigest()
    assert file_digest(path, "md5") == hashlib.md5(path.read_bytes()).hexdigest()


def test_bytes_that_are_not_onnx_are_one_kind_of_error() -> None:
    for content in (b"", b"no model", bytes(100)):
        with pytest.raises(UnreadableGraph):
            open_session(content)


def test_nothing_else_writes_beside_and_renames_or_opens_a_session() -> None:
    """The three helpers are the only place for this; a copy elsewhere would miss a later repair."""
    package = Path(__file__).parents[1] / "chexnet"
    for path in package.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if path.name not in ("_onnx.py", "_files.py", "_options.py"):
            assert "InferenceSession(" not in text, path
            assert "file_digest(file" not in text, path
            assert "def _option(" not in text, path
