"""Lists of image names, one per line, the split that they make, and their hash."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from chexnet.tables.table import read_table

_SEPARATORS = (",", "\t", ";")
_LABELS = re.compile(r"(\s+[01])+\s*$")


@dataclass(frozen=True)
class SplitLists:
    """A split as lists of image names.

    Attributes:
        name: the file's or folder's.
        images: the names in each part, those first that are learned from: "train", NIH's "train_val",
            "validation", "test"; a single list whose name says nothing is called by its file's name.
        patients: the patient of each image, as far as the file says.
    """

    name: str
    images: Mapping[str, tuple[str, ...]]
    patients: Mapping[str, str]

    def sha256(self) -> dict[str, str]:
        """`hash_image_ids` of each part."""
        return {part: hash_image_ids(names) for part, names in self.images.items()}


def read_image_list(path: str | PathLike[str]) -> tuple[str, ...]:
    """Image names, one per line, such as ``train_val_list.txt``; or a table with a column of them.

    Labels behind a name, 0 or 1 each, are left off (the lists of arnoweng/CheXNet have them). A name that
    is there twice counts once.

    Raises:
        ValueError: the file cannot be read, or is empty, or a line is more than a name: a list that is
            misread would find no contamination anywhere.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path}: no such file; expected image names, one per line")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: expected text, one image name per line ({error})") from error
    if any(separator in line for line in lines for separator in _SEPARATORS):
        return tuple(dict.fromkeys(read_table(path).images()))
    names = tuple(dict.fromkeys(_LABELS.sub("", line).strip() for line in lines if line.strip()))
    if not names:
        raise ValueError(f"{path}: holds no image name; expected one per line")
    return names


def hash_image_ids(image_ids: Iterable[str]) -> str:
    """SHA-256 of the sorted image names, one per line: says which images a model has seen."""
    return hashlib.sha256("\n".join(sorted(image_ids)).encode()).hexdigest()
