"""Nobody may be on two sides: the one refusal of patients, and of images, that two sets share."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Side:
    """A set of images, such as a part of a split.

    Attributes:
        name: what to call it in a message.
        patients: the patient of each image; None where they are not known.
    """

    name: str
    images: Sequence[str]
    patients: Sequence[str] | None = None


@dataclass(frozen=True)
class Shared:
    """What two sides have in common.

    Attributes:
        images: of the second side that are in the first too.
        patients: of both sides.
        affected: images of the second side that are in the first, or whose patient is.
    """

    images: Sequence[str]
    patients: Sequence[str]
    affected: Sequence[str]


def find_shared(first: Side, second: Side) -> Shared:
    """Compare two sides by the names of images and of patients, each exactly as it stands."""
    there, theirs = set(first.images), set(first.patients or ())
    owners = second.patients or [""] * len(second.images)
    return Shared(
        images=[image for image in second.images if image in there],
        patients=sorted(theirs & set(second.patients or ())),
        affected=[
            image
            for image, owner in zip(second.images, owners, strict=True)
            if image in there or (second.patients is not None and owner in theirs)
        ],
    )


def refuse_shared_patients(first: Side, second: Side, remedy: str) -> None:
    """Refuse two sides that have an image or a patient in common.

    Args:
        remedy: what to do, to end the message with.

    Raises:
        ValueError: with the first image of the second side, its patient, and how many images are affected.
    """
    shared = find_shared(first, second)
    if not shared.affected:
        return
    image, sides = shared.affected[0], f"in both {first.name} and {second.name}"
    counted = f"({len(shared.affected):,} of {len(second.images):,} images)"
    if shared.patients and second.patients is not None:
        patient = second.patients[list(second.images).index(image)]
        raise ValueError(f"{image}: patient {patient} is {sides} {counted}; {remedy}")
    raise ValueError(f"{image} is {sides} {counted}; {remedy}")
