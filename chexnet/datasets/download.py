"""Fetching ChestX-ray14 from NIH or a mirror: resumed, checked, unpacked; what is whole is kept.

The addresses are those of NIH's own `batch_download_zips.py`, the checksums of the archives those that NIH
publishes beside them, both as public software repeats them; neither could be tried where this was written.
The tables have no direct address at NIH; their checksums are those of the copies that this software is tested
on.
"""

import errno
import json
import shutil
import sys
import tarfile
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path, PurePosixPath
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import Request, urlopen

from tqdm import tqdm

from chexnet._files import file_digest, whole_file, write_whole
from chexnet._options import option
from chexnet.datasets.chestxray14 import BOXES, OFFICIAL_LISTS, TABLES, ChestXray14, Inventory
from chexnet.tables import BadTable

PAGE = "https://nihcc.app.box.com/v/ChestXray-NIHCC"
"""Where a person finds everything, the tables included."""

_BOX = "https://nihcc.box.com/shared/static/"
_ARCHIVES = (
    ("vfk49d74nhbxq3nqjg0900w5nvkorp5c.gz", "fe8ed0a6961412fddcbb3603c11b3698"),
    ("i28rlmbvmfjbl8p2n3ril0pptcmcu9d1.gz", "ab07a2d7cbe6f65ddd97b4ed7bde10bf"),
    ("f1t00wrtdk94satdfb9olcolqx20z2jp.gz", "2301d03bde4c246388bad3876965d574"),
    ("0aowwzs5lhjrceb3qp67ahp0rd1l1etg.gz", "9f1b7f5aae01b13f4bc8e2c44a4b8ef6"),
    ("v5e3goj22zr6h8tzualxfsqlqaygfbsn.gz", "1861f3cd0ef7734df8104f2b0309023b"),
    ("asi7ikud9jwnkrnkj99jnpfkjdes7l6l.gz", "456b53a8b351afd92a35bc41444c58c8"),
    ("jn1b4mw4n6lnh74ovmcjb8y48h8xj07n.gz", "1075121ea20a137b87f290d6a4a5965e"),
    ("tvpxmn7qyrgl0w8wfh9kqfjskv6nmm1j.gz", "b61f34cec3aa69f295fbb593cbd9d443"),
    ("upyy3ml7qdumlgk2rfcvlb9k6gvqq2pj.gz", "442a3caa61ae9b64e61c561294d1e183"),
    ("l6nilvfa9cg3s28tqv1qc1olm3gnz54p.gz", "09ec81c4c31e32858ad8cf965c494b74"),
    ("hhq8fkdgvcari67vfhs7ppg2w6ni4jze.gz", "499aefc67207a5a97692424cf5dbeed5"),
    ("ioqwiy20ihqwyr8pf4c24eazhh281pbu.gz", "dc9fda1757c2de0032b63347a7d2895c"),
)


@dataclass(frozen=True)
class _RemoteFile:
    """A file of the data set.

    Attributes:
        name: as NIH calls it.
        md5: of its content.
        address: at NIH; None where only a person with a browser gets it.
    """

    name: str
    md5: str
    address: str | None = None

    @property
    def is_archive(self) -> bool:
        """Whether it holds films."""
        return self.name.endswith(".tar.gz")


ARCHIVES = tuple(
    _RemoteFile(f"images_{number:03}.tar.gz", md5, _BOX + name)
    for number, (name, md5) in enumerate(_ARCHIVES, start=1)
)
TABLE_FILES = (
    _RemoteFile(TABLES[0], "27d223bb367648f1fd40e28dd42a0af3"),
    _RemoteFile(BOXES, "c288912caf65ab8b6c7aff6717d11005"),
    _RemoteFile(OFFICIAL_LISTS["train_val"], "067e3a84206964892e6300e4a4c0a205"),
    _RemoteFile(OFFICIAL_LISTS["test"], "adeeabf20ea2a8eb66ced87b78434400"),
)

RECORD = "download.json"
"""Names the archives that were unpacked, with the number of their films."""

_ATTEMPTS = 5
"""Failures in a row, without a byte in between, after which a file is given up."""
_TIMEOUT_S = 60
_BLOCK = 2**20
_BUSY = (408, 425, 429, 500, 502, 503, 504)
"""Answers that another time may be better."""


@dataclass(frozen=True)
class DownloadConfig:
    """What to fetch, and from where."""

    mirror: str | None = option(
        None, "Address of a folder that holds the archives and tables under NIH's names."
    )
    archive: tuple[int, ...] = option((), "Number of an archive, 1 to 12; repeat for several. Default: all.")
    checksums: bool = option(True, "Refuse files whose MD5 is not the known one.")
    keep_archives: bool = option(False, "Keep each archive when it is unpacked.")

    def __post_init__(self) -> None:
        if self.mirror is not None and urlsplit(self.mirror).scheme not in ("http", "https"):
            raise ValueError(f"mirror is {self.mirror!r}; expected an address that begins with http or https")
        for number in self.archive:
            if not 1 <= number <= len(ARCHIVES):
                raise ValueError(f"archive is {number}; expected 1 to {len(ARCHIVES)}")

    def files(self) -> tuple[_RemoteFile, ...]:
        """The tables, then the archives."""
        return TABLE_FILES + (
            tuple(ARCHIVES[number - 1] for number in sorted(set(self.archive))) if self.archive else ARCHIVES
        )

    def address(self, file: _RemoteFile) -> str | None:
        """Where the file is; None if nowhere but on NIH's page."""
        if self.mirror is None:
            return file.address
        return f"{self.mirror.rstrip('/')}/{quote(file.name)}"


@dataclass(frozen=True)
class Downloaded:
    """What a download left.

    Attributes:
        problems: why a file could not be had, by its name.
        inventory: what of the data set is there; None without its table.
    """

    problems: Mapping[str, str]
    inventory: Inventory | None


class _Failed(Exception):
    """Why a file could not be had."""


class _Unreachable(_Failed):
    """The server was not reached once."""


def download(root: Path, config: DownloadConfig = DownloadConfig(), *, pause_s: float = 2.0) -> Downloaded:
    """Fetch ChestX-ray14 into `root` as `ChestXray14` reads it: images in `images_0NN/images`.

    Called again, it resumes: files that are there are not fetched, and half a file is continued
    where the server can do that. An archive is compared with its MD5, unpacked and removed before the next. A
    file that cannot be had does not keep the others from being fetched. A server that was not reached in
    all the attempts for one file is asked once for each other.

    Args:
        pause_s: before a failed request is repeated; doubled each time.

    Raises:
        ValueError: the disk has no room for what is to come.
        OSError: `root` cannot be written to.
    """
    root.mkdir(parents=True, exist_ok=True)
    wanted = [file for file in config.files() if not _is_there(root, file)]
    _require_room(root, wanted, config)
    problems: dict[str, str] = {}
    unreachable: set[str] = set()
    for file in wanted:
        server = urlsplit(config.address(file) or "").netloc
        try:
            _obtain(root, file, config, pause_s, attempts=1 if server in unreachable else _ATTEMPTS)
        except _Failed as failure:
            problems[file.name] = str(failure)
            if isinstance(failure, _Unreachable):
                unreachable.add(server)
        else:
            unreachable.discard(server)
    try:
        return Downloaded(problems, ChestXray14(root).inventory())
    except BadTable as error:
        return Downloaded(problems | {TABLES[0]: str(error)}, None)
    except ValueError:
        # There is no table.
        return Downloaded(problems, None)


def _is_there(root: Path, file: _RemoteFile) -> bool:
    if not file.is_archive:
        return (root / file.name).is_file()
    films = _recorded(root).get(file.name)
    return films is not None and _count_films(root, file) >= films


def _recorded(root: Path) -> dict[str, int]:
    try:
        return dict(json.loads((root / RECORD).read_bytes()))
    # Without a record, or with a damaged one, archives are fetched again.
    except (OSError, ValueError, TypeError):
        return {}


def _count_films(root: Path, file: _RemoteFile) -> int:
    return sum(1 for _ in _folder(root, file).glob("*.png"))


def _folder(root: Path, file: _RemoteFile) -> Path:
    return root / file.name.removesuffix(".tar.gz") / "images"


def _require_room(root: Path, wanted: Sequence[_RemoteFile], config: DownloadConfig) -> None:
    """Room for all that is to come, and for the largest archive beside its images, or for all archives."""
    addresses = (config.address(file) for file in wanted if not (root / file.name).is_file())
    sizes = [size for address in addresses if address is not None and (size := _size(address)) is not None]
    there = sum(path.stat().st_size for path in root.glob("*.partial"))
    needed = sum(sizes) + (sum(sizes) if config.keep_archives else max(sizes, default=0)) - there
    free = shutil.disk_usage(root).free
    if needed > free:
        raise ValueError(
            f"{root}: {needed / 1e9:.1f} GB are to come, and {free / 1e9:.1f} GB are free; make room, choose "
            "another disk, or fetch some with `archive`"
        )


def _size(address: str) -> int | None:
    """Bytes of the file, as far as the server says."""
    try:
        with closing(_open(address)) as response:
            length = response.headers.get("Content-Length", "")
            return int(length) if length.isdigit() else None
    except (OSError, HTTPException):
        # Whether it can be had shows when it is fetched.
        return None


def _open(address: str, start: int = 0) -> HTTPResponse:
    headers = {"User-Agent": "chexnet", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    response: HTTPResponse = urlopen(Request(address, headers=headers), timeout=_TIMEOUT_S)
    return response


def _obtain(root: Path, file: _RemoteFile, config: DownloadConfig, pause_s: float, attempts: int) -> None:
    address = config.address(file)
    if address is None:
        raise _Failed(f"NIH gives no direct address for it; save it in {root} from {PAGE}, or use `mirror`")
    path = root / file.name
    if not path.is_file():
        _fetch(address, path, file.md5 if config.checksums else None, pause_s, attempts)
    elif config.checksums and (found := _md5(path)) != file.md5:
        raise _Failed(
            f"{path}: the MD5 is {found}; expected {file.md5}. Delete it, and the same command fetches it, "
            "or accept it with `no_checksums`"
        )
    if file.is_archive:
        films = unpack(path, _folder(root, file))
        record = json.dumps(_recorded(root) | {file.name: films}, indent=1)
        write_whole(root / RECORD, record)
        if not config.keep_archives:
            path.unlink()


def _fetch(address: str, path: Path, md5: str | None, pause_s: float, attempts: int) -> None:
    """The whole file under its name, or nothing under it."""
    partial = path.with_name(path.name + ".partial")
    # A file that was continued may have changed in between; one that was fetched in one go has not.
    for last in (False, True):
        _complete(address, partial, pause_s, attempts)
        found = None if md5 is None else _md5(partial)
        if found == md5:
            partial.replace(path)
            return
        partial.unlink()
        if last:
            raise _Failed(
                f"{address}: the MD5 is {found}; expected {md5}. The file is damaged or another; try again, "
                "use another `mirror`, or accept it with `no_checksums`"
            )


def _md5(path: Path) -> str:
    return file_digest(path, "md5")


def _complete(address: str, partial: Path, pause_s: float, attempts: int) -> None:
    """Continue the file until it is as long as the server says."""
    failures = 0
    failure: type[_Failed] = _Unreachable
    with tqdm(desc=partial.stem, unit="B", unit_scale=True, disable=None) as bar:
        while True:
            before = partial.stat().st_size if partial.is_file() else 0
            try:
                if _continue(address, partial, bar):
                    return
                reason, failure = "the connection broke off", _Failed
            except HTTPError as error:
                if error.code not in _BUSY:
                    raise _Failed(f"{address}: {error.code} {error.reason}") from error
                reason, failure = f"{error.code} {error.reason}", _Failed
            except URLError as error:
                reason = str(error.reason)
            except (OSError, HTTPException) as error:
                if isinstance(error, OSError) and _is_of_the_disk(error):
                    raise
                failure = _Failed
                reason = str(error) or type(error).__name__
            there = partial.stat().st_size if partial.is_file() else 0
            failures = 0 if there > before else failures + 1
            if failures >= attempts:
                times = "once" if attempts == 1 else f"{attempts} times"
                raise failure(
                    f"{address}: {reason} at {there:,} bytes, {times}; run the same command again to resume"
                )
            pause = pause_s * 2**failures
            bar.write(f"{address}: {reason}; trying again in {pause:.0f} s", file=sys.stderr)
            time.sleep(pause)


def _is_of_the_disk(error: OSError) -> bool:
    """Whether a file could not be written, which no other request would mend."""
    return error.filename is not None or error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def _continue(address: str, partial: Path, bar: Any) -> bool:
    """One request for the rest of the file; whether it is whole."""
    start = partial.stat().st_size if partial.is_file() else 0
    try:
        response = _open(address, start)
    except HTTPError as error:
        if error.code != 416 or not start:
            raise
        # Nothing is left to send. If it is not the length of what is there, that is something else.
        whole = error.headers.get("Content-Range", "") in ("", f"bytes */{start}")
        if not whole:
            partial.unlink()
        return whole
    with closing(response):
        if response.headers.get_content_type() == "text/html":
            raise _Failed(f"{address}: a web page, not a file; the address may no longer be valid")
        if response.status == 206 and _first_byte(response) != start:
            # Another part than was asked for; without a beginning, the whole is.
            partial.unlink()
            return False
        if response.status != 206:
            start = 0
        length = response.headers.get("Content-Length", "")
        end = start + int(length) if length.isdigit() else None
        bar.total, bar.n = end, start
        with partial.open("r+b" if partial.is_file() else "wb") as file:
            file.truncate(start)
            file.seek(start)
            while block := response.read(_BLOCK):
                file.write(block)
                bar.update(len(block))
            return end is None or file.tell() >= end


def _first_byte(response: HTTPResponse) -> int | None:
    """Of a part of a file, where it begins."""
    unit, _, span = response.headers.get("Content-Range", "").partition(" ")
    first = span.partition("-")[0]
    return int(first) if unit == "bytes" and first.isdigit() else None


def unpack(archive: Path, folder: Path) -> int:
    """Put the images of an archive into `folder`; returns their number.

    Each image appears whole or not at all. Where the archive is damaged, the images before the damage stay.

    Raises:
        _Failed: the archive is damaged, has no images, or names files outside of its folder.
    """
    films = 0
    folder.mkdir(parents=True, exist_ok=True)
    with _reading(archive) as members:
        for member, content in members:
            name = PurePosixPath(member.name).name
            if content is None or not name.lower().endswith(".png"):
                continue
            with whole_file(folder / name) as partial, partial.open("wb") as file:
                shutil.copyfileobj(content, file, _BLOCK)
            films += 1
    if not films:
        raise _Failed(f"{archive}: holds no PNG; expected an archive of images")
    return films


@contextmanager
def _reading(archive: Path) -> Iterator[Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]]:
    try:
        with tarfile.open(archive, "r:gz") as tar:
            yield ((member, tar.extractfile(_safe(member, archive))) for member in tar)
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        if isinstance(error, OSError) and _is_of_the_disk(error):
            raise
        raise _Failed(
            f"{archive}: damaged ({error}); delete it, and the same command fetches it again"
        ) from error


def _safe(member: tarfile.TarInfo, archive: Path) -> tarfile.TarInfo:
    """The member, if it stays in the archive's folder and is a file or a folder."""
    path = PurePosixPath(member.name)
    outside = path.is_absolute() or ".." in path.parts or "\\" in member.name or ":" in member.name
    if outside or not (member.isfile() or member.isdir()):
        raise _Failed(
            f"{archive}: names {member.name!r}, which is outside of its folder or no plain file; "
            "nothing more is unpacked from it"
        )
    return member
