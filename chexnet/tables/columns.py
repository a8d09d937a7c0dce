"""Which column of a table is which: the one list of column names, and how a user overrules it."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

USUAL_NAMES: Mapping[str, Sequence[str]] = {
    "image": (
        *("image", "Image Index", "Image ID", "image_name", "image_path", "filename", "file", "path"),
        "dicom_id",
    ),
    "patient": ("patient", "patient_id", "subject_id", "subject"),
    "sex": ("sex", "Patient Gender", "Patient Sex", "gender"),
    "age": ("age", "Patient Age"),
    "view": ("view", "View Position"),
    "reader": ("reader", "reader_id", "rad_id"),
    "split": ("split",),
    "finding": ("finding", "Finding Label", "class_name"),
    "findings": ("Finding Labels",),
    "x": ("x", "Bbox [x"),
    "y": ("y",),
    "width": ("width", "w"),
    "height": ("height", "h"),
    "status": ("status",),
    "reason": ("reason",),
}
"""What a column may be called, the likeliest name first. Capitals, blanks and punctuation do not matter, so
that ``image_id``, ``Image ID`` and ``ImageID`` are one name. ``findings`` is ChestX-ray14's column of all
labels."""

_DESCRIBING = ("image", "patient", "sex", "age", "view", "reader", "split")
"""Columns that are never a finding."""


class BadTable(ValueError):
    """A table that does not say what it must; the message names the file, the row and the remedy."""


@dataclass(frozen=True)
class ColumnNames:
    """How a table of a user names its columns and its images.

    Attributes:
        image: the column with the image's name; None looks for one of the usual names.
        prefix: what stands before each finding's name, such as ``prob_``. In a table that has any
            such column, only those are findings.
        rename: old to new name of a finding, after the prefix is taken off.
        patient: the column with the patient; None looks for one of the usual names.
        image_root: the folder that image names start from. None is the folder of the table. A full path
            below it becomes relative to it.
        groups: further columns of a table of labels to measure subgroups by, such as the scanner.
    """

    image: str | None = None
    prefix: str = ""
    rename: Mapping[str, str] = field(default_factory=dict)
    patient: str | None = None
    image_root: Path | None = None
    groups: tuple[str, ...] = ()

    def asked(self, role: str) -> str | None:
        """The user's own name of a column."""
        return {"image": self.image, "patient": self.patient}.get(role)


USUAL_COLUMNS = ColumnNames()
"""A table whose columns have usual names, and whose images lie where it does."""


def find_column(columns: Iterable[str], role: str, asked: str | None = None) -> str | None:
    """The column that plays a role, as the table spells it; None where there is none.

    Args:
        role: a key of ``USUAL_NAMES``.
        asked: the user's own name of it; a table that lacks it is searched for the usual names, as one
            such name serves several tables.

    Raises:
        ValueError: two columns have the same usual name, such as ``Image ID`` and ``image_id``.
    """
    present = list(columns)
    if asked in present:
        return asked
    for name in (*([asked] if asked else []), *USUAL_NAMES[role]):
        found = [column for column in present if _key(column) == _key(name)]
        if len(found) > 1:
            raise ValueError(
                f"columns {found[0]!r} and {found[1]!r} may both be the {role}; keep one of them"
            )
        if found:
            return found[0]
    return None


def finding_columns(
    columns: Iterable[str], names: ColumnNames, besides: Sequence[str] = ()
) -> dict[str, str]:
    """The columns that may be findings: the finding's name to the column's name.

    Args:
        besides: further roles that are not findings.

    Raises:
        ValueError: two columns come to have the same name.
    """
    present = list(columns)
    known = {_key(name) for role in (*_DESCRIBING, *besides) for name in USUAL_NAMES[role]}
    asked = {names.image, names.patient}
    prefixed = [name for name in present if names.prefix and name.startswith(names.prefix)]
    found: dict[str, str] = {}
    for column in prefixed or present:
        if _key(column) in known or column in asked:
            continue
        bare = column.removeprefix(names.prefix)
        finding = names.rename.get(bare, names.rename.get(column, bare))
        if finding in found:
            raise ValueError(f"columns {found[finding]!r} and {column!r} both mean {finding!r}")
        found[finding] = column
    return found


def same_finding(name: str) -> str:
    """A finding's name for comparison: ``Pleural Thickening`` and ``pleural_thickening`` are one."""
    return name.strip().replace(" ", "_").casefold()


def closest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate that ``name`` may be a misspelling of."""
    by_key = {same_finding(candidate): candidate for candidate in candidates}
    near = difflib.get_close_matches(same_finding(name), by_key, n=1, cutoff=0.8)
    return by_key[near[0]] if near else None


def _key(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).casefold()
