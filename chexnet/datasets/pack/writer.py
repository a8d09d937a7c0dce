"""Making a pack: images read by several processes, one writer, and a journal to go on from."""

import hashlib
import json
import multiprocessing
import os
import shutil
import signal
import threading
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from tqdm import tqdm

from chexnet._files import file_sha256, write_whole
from chexnet._options import option
from chexnet.datasets.pack.reader import (
    CARD,
    FILMS,
    FORMAT,
    INDEX,
    BadPack,
    Pack,
    array_bytes,
    digest,
    hash_in_order,
    header,
    open_pack,
    read_card,
)
from chexnet.datasets.source import Source
from chexnet.paper import IMAGE_SIZE
from chexnet.radiograph import UnreadableImage, packed_grey, read_radiograph
from chexnet.tables import USUAL_COLUMNS, ColumnNames

JOURNAL = INDEX + ".partial"
"""The records of the images that are written, in the order in which they were."""

_AT_ONCE = 16
"""Images that a process is given at a time: few enough to lose little, enough to make the talk cheap."""
_RECORD_BYTES = 256
"""A generous size of an image's record, for the estimate of the space that is needed."""

Record = dict[str, str]


@dataclass(frozen=True)
class PackConfig:
    """How to pack."""

    image_size: int = option(IMAGE_SIZE, "Side of the packed images, in pixels.")
    workers: int | None = option(None, "Processes that read images. Default: one per core.")

    def __post_init__(self) -> None:
        if self.image_size < 1:
            raise ValueError(f"image_size is {self.image_size}; expected at least 1")
        if self.workers is not None and self.workers < 1:
            raise ValueError(f"workers is {self.workers}; expected at least 1")


@dataclass(frozen=True)
class Packed:
    """A finished pack, and what was done for it this time.

    Attributes:
        pack: to train from.
        kept: images that an earlier run had packed, and whose pixels still have their hash.
        repaired: images that an earlier run had packed, and whose pixels had not.
    """

    pack: Pack
    kept: int
    repaired: int


def pack_data(
    data: Path,
    folder: Path,
    config: PackConfig = PackConfig(),
    *,
    only_present: bool = False,
    names: ColumnNames = USUAL_COLUMNS,
) -> Packed:
    """Pack the images of a ChestX-ray14 folder or of a table, as `chexnet train` takes them.

    Args:
        only_present: leave out images whose files are not there.
        names: how the table names its columns, and where its images are.

    Raises:
        ValueError: the table is damaged, or images are missing; and as `pack_films` does.
    """
    manifest = Source(data, names).manifest(only_present=only_present)
    return pack_films(manifest.images, folder, config, manifest.image_ids)


def pack_films(
    films: Sequence[Path],
    folder: Path,
    config: PackConfig = PackConfig(),
    names: Sequence[str] | None = None,
) -> Packed:
    """Write `films` at the network's size into the pack `folder`, in their order.

    A run that was ended in any way goes on where it was when called with the same images, and ends with the
    same bytes. On a finished pack it compares every image with its hash, and packs anew those that differ
    and those that could not be read before. However many processes read, the bytes are the same.

    Args:
        names: what identifies each image, such as its path relative to an image root; by default its file's
            name.

    An image that cannot be read is noted in `Pack.problems`, and the others are packed.

    Raises:
        BadPack: `folder` holds a pack of other images or of another size.
        ValueError: there are no images, two have the same name, or the disk has no room.
        OSError: the pack cannot be written.
        ChildProcessError: a process that reads images died.
        KeyboardInterrupt: the run was interrupted; the next one goes on.
    """
    names = _names(films, names)
    _claim(folder, names, config.image_size)
    with _opened(folder, len(films), config.image_size) as file:
        offset, row_bytes = len(header(len(films), config.image_size)), config.image_size**2
        noted = _noted(folder, names)
        records = {
            row: record
            for row, record in tqdm(noted.items(), desc="compare", unit="film", disable=None)
            if hashlib.sha256(_row(file, offset + row * row_bytes, row_bytes)).hexdigest()
            == record["pixels_sha256"]
        }
        kept = len(records)
        if kept == len(films) and _is_finished(folder):
            (folder / JOURNAL).unlink(missing_ok=True)
            return Packed(open_pack(folder), kept, 0)
        _unfinish(folder)
        _write_records(folder / JOURNAL, records.values())
        rest = [(row, names[row], film) for row, film in enumerate(films) if row not in records]
        with (
            (folder / JOURNAL).open("a", encoding="utf-8") as journal,
            closing(_read(rest, config)) as read,
            tqdm(desc="pack", unit="film", initial=kept, total=len(films), disable=None) as bar,
        ):
            for row, record, pixels in read:
                # The pixels first: what the journal names must be there.
                file.seek(offset + row * row_bytes)
                file.write(pixels)
                file.flush()
                journal.write(_line(record))
                journal.flush()
                records[row] = record
                bar.update(1)
        os.fsync(file.fileno())
    _finish(folder, [records[row] for row in range(len(films))])
    return Packed(open_pack(folder), kept, len(noted) - kept)


def _names(films: Sequence[Path], given: Sequence[str] | None) -> list[str]:
    if not films:
        raise ValueError("there are no images to pack")
    names = list(given or (film.name for film in films))
    name, count = Counter(names).most_common(1)[0]
    if count > 1:
        raise ValueError(
            f"{count} images are called {name}; a pack knows images by their name alone, so each may stand "
            "once"
        )
    return names


def _claim(folder: Path, names: Sequence[str], size: int) -> None:
    """Take `folder` for these images; refuse one that holds others, whose rows would be mixed in."""
    wanted = {"format": FORMAT, "size": size, "films": len(names), "images_sha256": hash_in_order(names)}
    card = read_card(folder)
    if card is None:
        folder.mkdir(parents=True, exist_ok=True)
        _write_card(folder, wanted)
        return
    if any(card[key] != value for key, value in wanted.items()):
        raise BadPack(
            f"{folder} holds a pack of {card['films']:,} images at {card['size']} pixels; expected these "
            f"{len(names):,} images at {size}; choose another folder, or delete this one if it is not wanted"
        )


@contextmanager
def _opened(folder: Path, films: int, size: int) -> Iterator[BinaryIO]:
    """`films.npy` at its full length, whatever was there of it."""
    path, whole = folder / FILMS, array_bytes(films, size)
    there = path.stat().st_blocks * 512 if path.is_file() and hasattr(os.stat_result, "st_blocks") else 0
    needed = max(whole - there, 0) + films * _RECORD_BYTES
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise ValueError(
            f"{folder}: the pack needs {needed / 1e9:.2f} GB more, and {free / 1e9:.2f} GB are free; "
            "make room, or choose a folder on another disk"
        )
    path.touch()
    with path.open("r+b") as file:
        file.truncate(whole)
        file.write(header(films, size))
        yield file


def _noted(folder: Path, names: Sequence[str]) -> dict[int, Record]:
    """What the journal, or the index of a finished pack, says of images that were packed; by their rows.

    Each line is taken by itself, as the last one may have been cut off.
    """
    rows = {name: row for row, name in enumerate(names)}
    noted: dict[int, Record] = {}
    for path in (folder / INDEX, folder / JOURNAL):
        for line in path.read_bytes().splitlines() if path.is_file() else ():
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if record.keys() == {"image", "sha256", "pixels_sha256"} and record["image"] in rows:
                noted[rows[record["image"]]] = record
    return noted


def _row(file: BinaryIO, start: int, count: int) -> bytes:
    file.seek(start)
    return file.read(count)


def _read(films: Sequence[tuple[int, str, Path]], config: PackConfig) -> Generator[tuple[int, Record, bytes]]:
    """Row, record and pixels of each image, in order."""
    read = partial(_read_one, size=config.image_size)
    chunks = -(-len(films) // _AT_ONCE)
    workers = min(config.workers or os.cpu_count() or 1, max(chunks, 1))
    if workers == 1:
        yield from map(read, films)
        return
    # Never as copies of a process that has threads.
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _start)
    try:
        yield from pool.map(read, films, chunksize=_AT_ONCE)
    except BrokenProcessPool as error:
        raise ChildProcessError(
            "a process that reads images died, as when there is too little memory; give the same command "
            "to go on, with fewer `workers`"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _start() -> None:
    """Of each process that reads: interrupts are its parent's affair, and it ends when its parent does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None
    sentinel = parent.sentinel

    def end_with_parent() -> None:
        wait([sentinel])
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()


def _read_one(numbered: tuple[int, str, Path], size: int) -> tuple[int, Record, bytes]:
    row, name, film = numbered
    record = {"image": name}
    try:
        grey = packed_grey(read_radiograph(film), size)
        record["sha256"] = file_sha256(film)
    except UnreadableImage as error:
        return row, record | {"problem": str(error)}, bytes(size * size)
    record["pixels_sha256"] = digest(grey).hex()
    return row, record, np.ascontiguousarray(grey).tobytes()


def _is_finished(folder: Path) -> bool:
    try:
        open_pack(folder)
    except BadPack:
        return False
    return True


def _unfinish(folder: Path) -> None:
    card = read_card(folder)
    if card is not None and "index_sha256" in card:
        # Kept as the journal until the journal is written, lest a kill between the two lose it.
        (folder / INDEX).replace(folder / JOURNAL)
        del card["index_sha256"]
        _write_card(folder, card)


def _finish(folder: Path, records: Sequence[Record]) -> None:
    """The index in the order of the rows, then the card, which makes the pack whole."""
    _write_records(folder / INDEX, records)
    card = read_card(folder)
    assert card is not None
    index = hashlib.sha256((folder / INDEX).read_bytes()).hexdigest()
    _write_card(folder, card | {"index_sha256": index})
    (folder / JOURNAL).unlink(missing_ok=True)


def _write_records(path: Path, records: Iterable[Record]) -> None:
    write_whole(path, "".join(map(_line, records)), durable=True)


def _line(record: Record) -> str:
    return json.dumps(record) + "\n"


def _write_card(folder: Path, card: Mapping[str, Any]) -> None:
    write_whole(folder / CARD, json.dumps(card, indent=1) + "\n", durable=True)
