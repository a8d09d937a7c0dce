"""Downloads from a server on this machine that does what servers do."""

import hashlib
import io
import re
import sys
import tarfile
import threading
from collections import Counter
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from chestxray14_folder import write_chestxray14
from PIL import Image

import chexnet.datasets
from chexnet.datasets import ChestXray14, DownloadConfig, download
from chexnet.datasets.chestxray14 import BOXES, OFFICIAL_LISTS, TABLES

# The package's name for the function hides the module of the same name.
module = sys.modules["chexnet.datasets.download"]
FIRST = "images_001.tar.gz"


class Server(ThreadingHTTPServer):
    """Serves `files`, each with its faults.

    Attributes:
        faults: by the file's name.
        asked: the Range header of each request that was answered, by the file's name.
    """

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.faults: dict[str, str] = {}
        self.asked: dict[str, list[str | None]] = {}
        self.address = f"http://127.0.0.1:{self.server_port}/nih"

    def handle_error(self, request, client_address):
        """A client that hangs up is no news."""


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *arguments):
        pass

    def do_GET(self):
        name = self.path.removeprefix("/nih/")
        fault = self.server.faults.get(name)
        times = len(self.server.asked.setdefault(name, []))
        self.server.asked[name].append(self.headers["Range"])
        content = self.server.files.get(name)
        if content is None:
            return self.send_error(404)
        if fault == "busy" and times in (1, 2):
            return self.send_error(503)
        if fault == "web page":
            return self.answer(200, b"<html>Log in</html>", content_type="text/html")
        if fault == "damaged" or (fault == "damaged once" and times == 1):
            content = content[:-9] + bytes([content[-9] ^ 1]) + content[-8:]
        start = 0
        if self.headers["Range"] and fault != "ignores Range":
            start = int(re.fullmatch(r"bytes=(\d+)-", self.headers["Range"])[1])
        if fault == "another part" and start:
            start -= 1
        if start and start >= len(content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        body, said = content[start:], None
        if fault == "breaks off" or (fault in ("ignores Range", "another part") and times < 2):
            body, said = body[: len(content) // 4 + 1], len(body)
        if fault == "breaks at once":
            body, said = b"", len(body)
        if fault == "says too much":
            said = len(body) + 1000
        if fault == "says too little":
            body, said = body[:-100], len(body) - 100
        part = f"bytes {start}-{len(content) - 1}/{len(content)}" if start else None
        return self.answer(206 if start else 200, body, said=said, part=part)

    def answer(self, status, body, *, said=None, part=None, content_type="application/gzip"):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body) if said is None else said))
        if part:
            self.send_header("Content-Range", part)
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True
        return


@pytest.fixture
def server():
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def archive(films):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for name, content in films.items():
            member = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return file.getvalue()


def film(seed):
    file = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 255, (40, 40)).astype(np.uint8)
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def nih(server, tmp_path, monkeypatch):
    """A data set of two archives and the tables, with the checksums that it has."""
    root = write_chestxray14(tmp_path / "nih", patients=10)
    names = [TABLES[0], BOXES, *OFFICIAL_LISTS.values()]
    server.files = {name: (root / name).read_bytes() for name in names}
    for number in (1, 2):
        films = sorted((root / f"images_{number:03}" / "images").iterdir())
        server.files[f"images_{number:03}.tar.gz"] = archive(
            {f"images/{path.name}": path.read_bytes() for path in films}
        )
    expect(monkeypatch, server)
    return root


def expect(monkeypatch, server):
    """Take the server's files for NIH's."""

    def as_served(files):
        served = (file for file in files if file.name in server.files)
        return tuple(replace(file, md5=hashlib.md5(server.files[file.name]).hexdigest()) for file in served)

    monkeypatch.setattr(module, "ARCHIVES", as_served(module.ARCHIVES))
    monkeypatch.setattr(module, "TABLE_FILES", as_served(module.TABLE_FILES))


def fetch(server, root, **options):
    return download(root, DownloadConfig(mirror=server.address, **options), pause_s=0.001)


def films_of(root):
    return {path.name: path.read_bytes() for path in root.glob("images_*/images/*")}


def test_the_data_set_is_fetched_unpacked_and_complete(nih, server, tmp_path):
    downloaded = fetch(server, tmp_path / "here")
    assert not downloaded.problems
    assert downloaded.inventory.complete
    assert films_of(tmp_path / "here") == films_of(nih)
    assert not list((tmp_path / "here").glob("*.tar.gz*"))
    assert len(ChestXray14(tmp_path / "here").manifest()) == 20


def test_what_is_there_is_not_fetched_again(nih, server, tmp_path):
    fetch(server, tmp_path / "here")
    server.asked.clear()
    assert not fetch(server, tmp_path / "here").problems
    assert not server.asked


def test_a_film_that_was_lost_brings_its_archive_again(nih, server, tmp_path):
    fetch(server, tmp_path / "here")
    next((tmp_path / "here" / "images_001" / "images").iterdir()).unlink()
    server.asked.clear()
    assert fetch(server, tmp_path / "here").inventory.complete
    assert server.asked.keys() == {FIRST}


def test_archives_can_be_chosen_and_kept(nih, server, tmp_path):
    downloaded = fetch(server, tmp_path / "here", archive=(2,), keep_archives=True)
    assert {path.name for path in (tmp_path / "here").glob("*.gz")} == {"images_002.tar.gz"}
    assert downloaded.inventory.missing
    assert FIRST not in server.asked


def test_a_connection_that_breaks_off_is_taken_up_where_it_broke(nih, server, tmp_path):
    server.faults[FIRST] = "breaks off"
    assert fetch(server, tmp_path / "here").inventory.complete
    # The first request asks for the size alone.
    ranges = server.asked[FIRST][1:]
    piece = len(server.files[FIRST]) // 4 + 1
    assert ranges == [None, *(f"bytes={piece * number}-" for number in (1, 2, 3))]


def test_half_a_file_of_an_earlier_command_is_continued(nih, server, tmp_path):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / f"{FIRST}.partial").write_bytes(server.files[FIRST][:100])
    assert fetch(server, tmp_path / "here").inventory.complete
    assert server.asked[FIRST][1:] == ["bytes=100-"]


def test_half_a_file_of_another_content_is_fetched_anew(nih, server, tmp_path):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / f"{FIRST}.partial").write_bytes(bytes(100))
    assert fetch(server, tmp_path / "here").inventory.complete
    assert server.asked[FIRST][1:] == ["bytes=100-", None]


@pytest.mark.parametrize("extra", [b"", b"more than there is"])
def test_a_partial_file_that_is_whole_or_too_long_is_sorted_out(nih, server, tmp_path, extra):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / f"{FIRST}.partial").write_bytes(server.files[FIRST] + extra)
    assert fetch(server, tmp_path / "here").inventory.complete


@pytest.mark.parametrize("fault", ["ignores Range", "another part", "busy", "damaged once", "says too much"])
def test_faults_that_more_requests_mend(nih, server, tmp_path, fault):
    server.faults[FIRST] = fault
    downloaded = fetch(server, tmp_path / "here")
    assert not downloaded.problems
    assert downloaded.inventory.complete


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("damaged", "the MD5 is"),
        ("says too little", "the MD5 is"),
        ("web page", "a web page, not a file"),
        ("breaks at once", "the connection broke off at 0 bytes, 5 times"),
    ],
)
def test_a_file_that_cannot_be_had_is_named_and_the_others_come(nih, server, tmp_path, fault, said):
    server.faults[FIRST] = fault
    downloaded = fetch(server, tmp_path / "here")
    assert downloaded.problems.keys() == {FIRST}
    assert said in downloaded.problems[FIRST]
    assert not (tmp_path / "here" / FIRST).exists()
    assert films_of(tmp_path / "here").items() <= films_of(nih).items()
    assert Counter(path.parts[-3] for path in (tmp_path / "here").glob("*/images/*.png")).keys() == {
        "images_002"
    }


def test_a_file_that_is_not_there_and_a_server_that_is_none(nih, server, tmp_path):
    del server.files[BOXES]
    assert "404" in fetch(server, tmp_path / "here").problems[BOXES]
    config = DownloadConfig(mirror="http://127.0.0.1:9/none")
    problems = download(tmp_path / "there", config, pause_s=0.001).problems
    assert len(problems) == 6
    assert "refused" in problems[FIRST]


def test_without_a_mirror_the_tables_are_to_be_saved_by_hand(nih, server, tmp_path, monkeypatch):
    addressed = [replace(file, address=f"{server.address}/{file.name}") for file in module.ARCHIVES]
    monkeypatch.setattr(module, "ARCHIVES", tuple(addressed))
    downloaded = download(tmp_path / "here", pause_s=0.001)
    assert downloaded.problems.keys() == {TABLES[0], BOXES, *OFFICIAL_LISTS.values()}
    assert "https://nihcc.app.box.com/v/ChestXray-NIHCC" in downloaded.problems[BOXES]
    assert films_of(tmp_path / "here") == films_of(nih)


def test_of_an_archive_damaged_inside_the_whole_films_are_kept(nih, server, tmp_path):
    # Noise does not shrink, so half of the archive holds about half of the films.
    films = {f"images/{number:08}_000.png": film(number) for number in range(10)}
    whole = archive(films)
    server.files[FIRST] = whole[: len(whole) // 2]
    downloaded = fetch(server, tmp_path / "here", checksums=False, archive=(1,))
    assert "damaged" in downloaded.problems[FIRST]
    kept = films_of(tmp_path / "here")
    assert 2 <= len(kept) <= 6
    assert all(films[f"images/{name}"] == content for name, content in kept.items())
    # Once the archive is whole, it is fetched and unpacked again.
    (tmp_path / "here" / FIRST).unlink()
    server.files[FIRST] = whole
    assert not fetch(server, tmp_path / "here", checksums=False, archive=(1,)).problems
    assert len(films_of(tmp_path / "here")) == 10


def link(name, target, kind):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


@pytest.mark.parametrize(
    "member",
    [
        "../outside.png",
        "images/../../outside.png",
        "/tmp/outside.png",
        "images\\..\\outside.png",
        "C:outside.png",
        link("images/link.png", "/etc/passwd", tarfile.SYMTYPE),
        link("images/hard.png", "../outside.png", tarfile.LNKTYPE),
        link("images/pipe.png", "", tarfile.FIFOTYPE),
    ],
    ids=lambda member: getattr(member, "name", member),
)
def test_an_archive_that_reaches_outside_is_refused(nih, server, tmp_path, monkeypatch, member):
    content = b"" if isinstance(member, tarfile.TarInfo) else film(0)
    server.files[FIRST] = archive({"images/00000001_000.png": film(1), member: content})
    before = {path for path in tmp_path.rglob("*") if not path.is_relative_to(tmp_path / "here")}
    downloaded = fetch(server, tmp_path / "here", checksums=False, archive=(1,))
    assert "outside of its folder or no plain file" in downloaded.problems[FIRST]
    assert films_of(tmp_path / "here") == {"00000001_000.png": film(1)}
    assert before == {path for path in tmp_path.rglob("*") if not path.is_relative_to(tmp_path / "here")}
    assert not Path("/tmp/outside.png").exists()


def test_an_archive_without_films_is_refused(nih, server, tmp_path):
    server.files[FIRST] = archive({"images/readme.txt": b"nothing here"})
    problems = fetch(server, tmp_path / "here", checksums=False, archive=(1,)).problems
    assert "holds no PNG" in problems[FIRST]


def test_an_archive_saved_by_hand_is_taken_where_it_is_right(nih, server, tmp_path):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / FIRST).write_bytes(server.files[FIRST])
    (tmp_path / "here" / "images_002.tar.gz").write_bytes(b"an old one")
    downloaded = fetch(server, tmp_path / "here")
    assert server.asked.keys().isdisjoint({FIRST, "images_002.tar.gz"})
    assert downloaded.problems.keys() == {"images_002.tar.gz"}
    assert "Delete it" in downloaded.problems["images_002.tar.gz"]


def test_a_disk_without_room_is_told_before_anything_is_fetched(nih, server, tmp_path, monkeypatch):
    usage = module.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(ValueError, match=r"GB are to come, and 0\.0 GB are free"):
        fetch(server, tmp_path / "here")
    assert not list((tmp_path / "here").iterdir())


@pytest.mark.parametrize("wrong", [{"mirror": "file:///etc"}, {"mirror": "there"}, {"archive": (0,)}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ValueError, match="expected"):
        DownloadConfig(**wrong)


def test_the_files_of_nih_are_twelve_archives_and_four_tables(data_dir):
    files = chexnet.datasets.DownloadConfig().files()
    assert [file.name for file in files[4:]] == [f"images_{number:03}.tar.gz" for number in range(1, 13)]
    for file in files[4:]:
        assert re.fullmatch(r"https://nihcc\.box\.com/shared/static/[0-9a-z]{32}\.gz", file.address)
    assert len({file.address for file in files[4:]}) == len({file.md5 for file in files[4:]}) == 12
    for file in files[:4]:
        assert hashlib.md5((data_dir / "chestxray14" / file.name).read_bytes()).hexdigest() == file.md5
