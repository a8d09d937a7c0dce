"""A pack: many images at the network's size in one memory-mapped array, for training that must not wait.

A pack is a folder of three files:

- `films.npy`: the images in their order, 8-bit grey, as NumPy writes an array of (images, size, size);
- `films.jsonl`: one object per image in the same order: the image's name, the SHA-256 of the image's file and
  of its pixels in the array; or the name and why the image could not be read, in which case its row is black;
- `pack.json`: the format, the size, the number of images and the SHA-256 of their names and of `films.jsonl`.

The grey of a resized image is a fraction, and is rounded here to 256 levels. Floats would be exact, but ask
for 22 GB in place of 5.6 for ChestX-ray14, more than most machines keep in memory. So it is the preprocessing
that rounds, in training from a pack and in prediction with the model that comes of it
(`Preprocessing.eight_bit`). Both then compute the same input, bit for bit, and the model file says so.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from chexnet.arrays import Bool, UInt8
from chexnet.radiograph import UnreadableImage

FILMS, INDEX, CARD = "films.npy", "films.jsonl", "pack.json"
FORMAT = 1
"""Version of the layout; a pack of another is refused."""


class BadPack(ValueError):
    """A folder that is not a whole pack; the message says what is wrong with it and what to do."""


@dataclass(frozen=True, eq=False)
class Pack:
    """Images at the network's size, by the name of their image.

    Attributes:
        folder: of the pack.
        size: side of each image, in pixels.
        rows: the place of each image in the array, by its image's name.
        digests: SHA-256 of each row of the array.
        problems: why an image could not be read when the pack was made, by its image's name; it has no row.
    """

    folder: Path
    size: int
    rows: Mapping[str, int]
    digests: UInt8[np.ndarray, "images 32"]
    problems: Mapping[str, str]

    def __len__(self) -> int:
        return len(self.rows)

    def __contains__(self, image: str) -> bool:
        return image in self.rows

    def grey(self, image: str) -> UInt8[np.ndarray, "size size"]:
        """The image as `chexnet.radiograph.packed_grey` made it.

        A process compares each image with its hash the first time that it reads it.

        Raises:
            UnreadableImage: the pixels are not those that were packed.
            KeyError: the pack does not hold this image.
        """
        row = self.rows[image]
        grey = np.array(self._films[row])
        if not self._compared[row]:
            if digest(grey) != self.digests[row].tobytes():
                raise UnreadableImage(
                    f"{self.folder}: {image}",
                    "its pixels are not those that were packed; mend the pack with "
                    f'"chexnet pack DATA {self.folder}"',
                )
            self._compared[row] = True
        return grey

    def damaged(self) -> list[str]:
        """The images whose pixels are not those that were packed; reads all of the array."""
        rows = tqdm(self.rows.items(), desc="compare", unit="film", disable=None)
        return [image for image, row in rows if digest(self._films[row]) != self.digests[row].tobytes()]

    @cached_property
    def _films(self) -> UInt8[np.ndarray, "images size size"]:
        return np.load(self.folder / FILMS, mmap_mode="r")

    @cached_property
    def _compared(self) -> Bool[np.ndarray, " images"]:
        return np.zeros(len(self.digests), bool)

    def __getstate__(self) -> dict[str, Any]:
        # Another process maps the file itself; a pickled map would carry all of its content.
        return {key: value for key, value in self.__dict__.items() if key not in ("_films", "_compared")}


def open_pack(folder: str | PathLike[str]) -> Pack:
    """Open a finished pack. The sizes and the index are checked here, each image when it is read.

    Raises:
        BadPack: there is none, it is not finished, or a file of it is damaged or cut short.
    """
    folder = Path(folder)
    card = read_card(folder)
    if card is None:
        raise BadPack(f'{folder}: no {CARD}; expected a pack, as "chexnet pack DATA {folder}" makes it')
    if "index_sha256" not in card:
        raise BadPack(f'{folder}: the pack is not finished; "chexnet pack DATA {folder}" resumes it')
    films, size = card["films"], card["size"]
    expected = array_bytes(films, size)
    path = folder / FILMS
    found = path.stat().st_size if path.is_file() else 0
    if found != expected or not _has_header(path, films, size):
        raise BadPack(
            f"{path}: {found:,} bytes; expected {films:,} images of {size} × {size} pixels in {expected:,}; "
            f'mend it with "chexnet pack DATA {folder}", or copy it again'
        )
    index = (folder / INDEX).read_bytes() if (folder / INDEX).is_file() else b""
    if hashlib.sha256(index).hexdigest() != card["index_sha256"]:
        raise BadPack(
            f"{folder / INDEX}: not the index that was packed; mend it with "
            f'"chexnet pack DATA {folder}", or copy it again'
        )
    records = [json.loads(line) for line in index.splitlines()]
    digests = b"".join(bytes.fromhex(record.get("pixels_sha256", "00" * 32)) for record in records)
    return Pack(
        folder=folder,
        size=size,
        rows={record["image"]: row for row, record in enumerate(records) if "problem" not in record},
        digests=np.frombuffer(digests, np.uint8).reshape(-1, 32),
        problems={record["image"]: record["problem"] for record in records if "problem" in record},
    )


def read_card(folder: Path) -> dict[str, Any] | None:
    """What `pack.json` says; None where there is none.

    Raises:
        BadPack: it is damaged, or of another format.
    """
    path = folder / CARD
    if not path.is_file():
        return None
    try:
        card = json.loads(path.read_bytes())
        version = card["format"]
        whole = {"films": int, "size": int, "images_sha256": str}.items() if version == FORMAT else ()
        if not all(isinstance(card[key], kind) for key, kind in whole):
            raise ValueError("a value is of another kind")
    except (ValueError, KeyError, TypeError) as error:
        raise BadPack(
            f"{path}: damaged ({error}); copy the pack again, or delete {path.name} and pack anew"
        ) from error
    if version != FORMAT:
        raise BadPack(f"{path}: a pack of format {version}; this software reads format {FORMAT}")
    return dict(card)


def digest(grey: UInt8[np.ndarray, "size size"]) -> bytes:
    """SHA-256 of an image's pixels."""
    return hashlib.sha256(np.ascontiguousarray(grey).data).digest()


def hash_in_order(images: Sequence[str]) -> str:
    """SHA-256 of the images' names in their order, which is that of the rows."""
    return hashlib.sha256(json.dumps(list(images)).encode()).hexdigest()


def header(films: int, size: int) -> bytes:
    """What stands before the pixels in `films.npy`."""
    content = BytesIO()
    described = {"descr": "|u1", "fortran_order": False, "shape": (films, size, size)}
    np.lib.format.write_array_header_1_0(content, described)
    return content.getvalue()


def _has_header(path: Path, films: int, size: int) -> bool:
    """Whether `films.npy` begins as it must."""
    expected = header(films, size)
    with path.open("rb") as file:
        return file.read(len(expected)) == expected


def array_bytes(films: int, size: int) -> int:
    """Bytes of `films.npy`."""
    return len(header(films, size)) + films * size * size
