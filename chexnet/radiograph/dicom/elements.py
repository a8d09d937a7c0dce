"""DICOM elements by keyword, taken from their encoded bytes.

pydicom splits the file into elements; the few that a radiograph needs are converted here, strictly,
so that one malformed value elsewhere in the header neither warns nor stops the reading.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydicom import Dataset
from pydicom.charset import convert_encodings, decode_bytes, python_encoding
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.tag import BaseTag, Tag

from chexnet.arrays import Int64
from chexnet.radiograph.errors import Unfit

PARSER_FAILURES = (Exception,)
"""What pydicom raises on elements that break the Standard's encoding: of many kinds, without a common one."""


def tag_of(keyword: str) -> BaseTag:
    """The tag of a keyword in the Standard's dictionary (PS3.6)."""
    number = tag_for_keyword(keyword)
    if number is None:
        raise KeyError(keyword)
    return Tag(number)


def label(keyword: str) -> str:
    """As people write it: ``(0008,0060) Modality``."""
    from pydicom.datadict import dictionary_description

    tag = tag_of(keyword)
    return f"({tag.group:04X},{tag.element:04X}) {dictionary_description(tag)}"


@dataclass(frozen=True)
class Elements:
    """The elements of one data set or sequence item. Nothing is ever written into it."""

    dataset: Dataset
    little_endian: bool

    def __contains__(self, keyword: str) -> bool:
        return tag_of(keyword) in self.dataset

    def encoded(self, keyword: str) -> bytes | None:
        """The bytes of the value, or None if there is no such element or it is empty."""
        element = self._raw(keyword)
        value = None if element is None else element.value
        return value if isinstance(value, bytes) and value else None

    def declared_length(self, keyword: str) -> int | None:
        """The value length that the file declares; None if undefined (PS3.5 7.1.1)."""
        element = self._raw(keyword)
        return None if element is None or element.length == 0xFFFFFFFF else element.length

    def vr(self, keyword: str) -> str | None:
        """The value representation that the file states; None in implicit VR."""
        element = self._raw(keyword)
        return None if element is None else element.VR

    def _raw(self, keyword: str) -> RawDataElement | None:
        tag = tag_of(keyword)
        element = self.dataset.get_item(tag, keep_deferred=True)
        return element if isinstance(element, RawDataElement) else None

    def strings(self, keyword: str) -> tuple[str, ...]:
        """The values of a string element; empty if it is absent."""
        encoded = self.encoded(keyword)
        if encoded is None:
            return ()
        text = decode_bytes(encoded, self._encodings(), set())
        return tuple(value.strip(" \0") for value in text.split("\\"))

    def _encodings(self) -> list[str]:
        """(0008,0005) Specific Character Set as Python codecs; Latin-1 where it names none that is known."""
        return _codecs(self._character_set()) or ["iso8859"]

    def _character_set(self) -> str:
        encoded = self.encoded("SpecificCharacterSet") or b"ISO_IR 6"
        return encoded.decode("ascii", "replace").strip(" \0")

    def unknown_character_set(self) -> str | None:
        """(0008,0005) Specific Character Set where it names an encoding that is not known; else None."""
        names = self._character_set()
        return names if _codecs(names) is None else None

    def string(self, keyword: str) -> str | None:
        """The first value of a string element, or None if it is absent or empty."""
        values = self.strings(keyword)
        return values[0] or None if values else None

    def numbers(self, keyword: str) -> tuple[float, ...]:
        """The values of a decimal or integer string; NaN where one is no number."""
        return tuple(_number(value) for value in self.strings(keyword))

    def integer(self, keyword: str, *, signed: bool = False) -> int | None:
        """The first value of a US or SS element, or None if it is absent or too short."""
        encoded = self.encoded(keyword)
        if encoded is None or len(encoded) < 2:
            return None
        return int.from_bytes(encoded[:2], self._order, signed=signed)

    def words(self, keyword: str) -> Int64[np.ndarray, " words"]:
        """The 16-bit words of the value, unsigned."""
        encoded = self.encoded(keyword) or b""
        words = np.frombuffer(encoded[: len(encoded) // 2 * 2], "<u2" if self.little_endian else ">u2")
        return words.astype(np.int64)

    @property
    def _order(self) -> Literal["little", "big"]:
        return "little" if self.little_endian else "big"

    def items(self, keyword: str) -> "list[Elements]":
        """The items of a sequence; none if it is absent or empty.

        Raises:
            Unfit: the element is damaged, or the file gives it another value representation than SQ.
        """
        if keyword not in self:
            return []
        try:
            items = self.dataset[keyword].value or ()
        except PARSER_FAILURES as error:
            raise Unfit(f"damaged {label(keyword)}; expected a sequence") from error
        if any(not isinstance(item, Dataset) for item in items):
            raise Unfit(f"{label(keyword)} holds other values than items; expected a sequence")
        return [Elements(item, self.little_endian) for item in items]


def _codecs(character_set: str) -> list[str] | None:
    """The Python codecs of a Specific Character Set (PS3.3 C.12.1.1.2); None where one is unknown."""
    names = [name.strip(" \0") for name in character_set.split("\\")]
    try:
        codecs = convert_encodings(names)
    except (LookupError, ValueError):
        return None
    # pydicom replaces what it does not know, and accepts any of Python's codecs, "hex" and "undefined" too.
    known = all(
        name in python_encoding or codec != "iso8859" for name, codec in zip(names, codecs, strict=False)
    )
    return codecs if known and set(codecs) <= set(python_encoding.values()) else None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
