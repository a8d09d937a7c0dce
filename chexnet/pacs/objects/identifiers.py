"""UIDs of results, and the mark by which the node knows its own."""

import hashlib

from pydicom.dataset import Dataset

INSTANCE_CREATOR_UID = "2.25.262703284105412338735094518297170153061"
"""(0008,0014) of every result: the mark of this software. A random UUID, drawn once (PS3.5 B.2)."""

IMPLEMENTATION_CLASS_UID = "2.25.262703284105412338735094518297170153062"
"""(0002,0012) of every file and association (PS3.7 D.3.3.2)."""

IMPLEMENTATION_VERSION = "CHEXNET"
MANUFACTURER = "CheXNet research software"


def derived_uid(*parts: str | bytes) -> str:
    """The UID ``2.25.<number>`` of what the parts say: the same parts have the same UID on every machine.

    The number is the first 128 bits of a SHA-256 over the parts and their lengths (PS3.5 B.2 asks for a
    UUID; its version bits are set, so that the number is one).
    """
    digest = hashlib.sha256()
    for part in parts:
        content = part.encode() if isinstance(part, str) else part
        digest.update(len(content).to_bytes(8, "big") + content)
    number = int.from_bytes(digest.digest()[:16], "big")
    # Version 8 (own scheme) and variant 2 of RFC 9562.
    number = number & ~(0xF << 76) | (8 << 76)
    number = number & ~(0x3 << 62) | (2 << 62)
    return f"2.25.{number}"


def is_own_result(dataset: Dataset) -> bool:
    """Whether this software made the object: by (0008,0014), or by Manufacturer where an archive drops it."""
    creator = str(dataset.get("InstanceCreatorUID") or "").strip("\0 ")
    maker = str(dataset.get("Manufacturer") or "").strip("\0 ")
    return creator == INSTANCE_CREATOR_UID or maker == MANUFACTURER
