"""Which images and patients a model was trained on, as hashes inside its file.

A name becomes the first 64 bits of a salted BLAKE2b. A name that was not trained on is taken for one that
was with a probability of (number of names) / 2^64, 6e-15 for the whole of ChestX-ray14. Names cannot be read
back, but whoever has the file can ask it for any name, so short patient numbers can be guessed: leave the
patients out of a file that leaves the hospital.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from chexnet.arrays import UInt64

TRAINING_SET_KEY = "chexnet-training-set"
"""The ONNX metadata property that holds the hashes, as JSON."""

_FORMAT = 1
_BYTES = 8
_SALT_BYTES = 16  # as long as BLAKE2b takes
_MOST_PARTS = 12
_IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".dcm", ".dicom", ".dic")


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Hashes of the names of what a model learned from, its teachers and its initial weights included.

    Attributes:
        images: sorted.
        patients: sorted; empty where the patients are not known or were left out.
        salt: follows from all names, so that the same training gives the same file, and the hashes of two
            different trainings cannot be compared.
        parts: how many parts at the end of an image's path make its name; 1 where file names are unique.
    """

    images: UInt64[np.ndarray, " images"]
    patients: UInt64[np.ndarray, " patients"]
    salt: bytes
    parts: int = 1

    @classmethod
    def of(cls, images: Sequence[str], patients: Iterable[str] = ()) -> "TrainingSet":
        """The hashes of these names, salted by all of them together.

        Args:
            images: paths or names; folders count as far as they are needed to make the names unique.
            patients: identifiers as the data set or (0010,0020) Patient ID gives them.

        Raises:
            ValueError: there is no image.
        """
        if not images:
            raise ValueError("no image was trained on; expected at least one name")
        different = {_end(name, _MOST_PARTS) for name in images}
        parts = 1
        while parts < _MOST_PARTS and len({_end(name, parts) for name in different}) < len(different):
            parts += 1
        patients = sorted(set(patients))
        salt = _salt(images, patients)
        return cls(
            _hashes((_end(name, parts) for name in images), salt),
            _hashes(map(_patient, patients), salt),
            salt,
            parts,
        )

    def has_image(self, name: str) -> bool:
        """Whether an image of this name was trained on; its folders, suffix and case are ignored."""
        return _holds(self.images, _hash(_end(name, self.parts), self.salt))

    def has_patient(self, patient: str) -> bool:
        """Whether any image of the patient was trained on; False where the file has no patients."""
        return _holds(self.patients, _hash(_patient(patient), self.salt))

    def without_patients(self) -> "TrainingSet":
        """The same images, with nothing about patients."""
        return TrainingSet(self.images, self.patients[:0], self.salt, self.parts)

    def to_json(self) -> str:
        """As it is stored."""
        return json.dumps(
            {
                "format": _FORMAT,
                "hash": "blake2b-64",
                "salt": self.salt.hex(),
                "parts": self.parts,
                "images": _packed(self.images),
                "patients": _packed(self.patients),
            }
        )

    @classmethod
    def from_json(cls, text: str) -> "TrainingSet":
        """Read what `to_json` wrote.

        Raises:
            ValueError: it is damaged, or of another version.
        """
        try:
            stored = json.loads(text)
            if (stored["format"], stored["hash"]) != (_FORMAT, "blake2b-64"):
                raise ValueError(f"format {stored['format']} of {stored['hash']}; expected {_FORMAT}")
            images, patients = _unpacked(stored["images"]), _unpacked(stored["patients"])
            return cls(images, patients, bytes.fromhex(stored["salt"]), int(stored["parts"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"the list of its training images is damaged ({error})") from error


def _end(name: str, parts: int) -> str:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.suffix.lower() in _IMAGE_SUFFIXES:
        path = path.with_suffix("")
    return "/".join(path.parts[-parts:]).casefold()


def _patient(identifier: str) -> str:
    """As tables and headers may write one: 00012 in a file name is 12 in a column of numbers."""
    return identifier.strip().casefold().lstrip("0") or "0"


def _salt(images: Iterable[str], patients: Iterable[str]) -> bytes:
    content = "\n".join([*sorted(images), "", *patients]).encode("utf-8", "surrogateescape")
    return hashlib.blake2b(content, digest_size=_SALT_BYTES).digest()


def _hash(name: str, salt: bytes) -> int:
    content = name.encode("utf-8", "surrogateescape")
    return int.from_bytes(hashlib.blake2b(content, digest_size=_BYTES, salt=salt).digest(), "little")


def _hashes(names: Iterable[str], salt: bytes) -> UInt64[np.ndarray, " names"]:
    return np.array(sorted({_hash(name, salt) for name in names}), dtype=np.uint64)


def _holds(hashes: UInt64[np.ndarray, " names"], wanted: int) -> bool:
    place = int(np.searchsorted(hashes, np.uint64(wanted)))
    return place < len(hashes) and int(hashes[place]) == wanted


def _packed(hashes: UInt64[np.ndarray, " names"]) -> str:
    return base64.b64encode(hashes.astype("<u8").tobytes()).decode()


def _unpacked(text: str) -> UInt64[np.ndarray, " names"]:
    hashes = np.frombuffer(base64.b64decode(text, validate=True), dtype="<u8").astype(np.uint64)
    if (hashes[1:] <= hashes[:-1]).any():
        raise ValueError("its hashes are not sorted")
    return hashes
