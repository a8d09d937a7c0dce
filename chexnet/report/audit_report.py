"""An audit as text and as JSON."""

from dataclasses import asdict
from typing import Any

from chexnet.evaluation import AuditedFiles
from chexnet.leakage import BITS, NOTABLE, TRAINING_IDS, Audit
from chexnet.report.tables import Grid

_SHOWN = 20


def audit_json(audited: AuditedFiles) -> dict[str, Any]:
    """All numbers."""
    found = audited.audit
    return {
        "parts": [
            {
                **{key: value for key, value in asdict(part).items() if key != "characteristics"},
                "characteristics": {
                    one.name: {"value": one.value, "known": one.known, "sd": one.deviation}
                    for one in part.characteristics
                },
            }
            for part in found.parts
        ],
        "compared": found.compared,
        "leaks": len(found.leaks),
        "overlaps": [asdict(overlap) for overlap in found.overlaps],
        "shifts": [
            # Infinite where a part has none of what all of the other have; JSON knows no infinity.
            asdict(shift) | {"difference": _finite(shift.difference), "notable": shift.notable}
            for shift in found.shifts
        ],
        "reserved": [
            {
                "part": one.part,
                "what": one.what,
                "of": one.found.test_images,
                "images": one.found.images,
                "patients": one.found.patients,
            }
            for one in found.reserved
        ],
        "hashes": [asdict(one) for one in found.hashes],
        "films": found.films,
        "near_bits": audited.near,
        "twins": [
            asdict(pair) | {"first_in": first, "second_in": second} for pair, first, second in found.twins
        ],
        "unreadable": dict(audited.unreadable or {}),
        "inventory": None if audited.inventory is None else audited.inventory.message.splitlines(),
    }


def _finite(number: float) -> float | None:
    return number if abs(number) < float("inf") else None


def show_audit(audited: AuditedFiles) -> str:
    """As text, the verdict last."""
    found = audited.audit
    blocks = [
        _parts(found),
        _shifted(found),
        _kept(found),
        _hashed(found),
        _pictures(audited),
        _verdict(found),
    ]
    return "\n\n".join(block for block in blocks if block)


def _parts(found: Audit) -> str:
    head = ["part", "patients", "images", "not in the table", "sha256 of the image names"]
    rows = [
        [part.name, f"{part.patients:,}", f"{part.images:,}", f"{part.unknown:,}", part.sha256]
        for part in found.parts
    ]
    return Grid(head, rows).markdown()


def _shifted(found: Audit) -> str:
    """One table a split: each characteristic in each part."""
    tables = []
    for split in dict.fromkeys(part.split for part in found.parts):
        parts = [part for part in found.parts if part.split == split]
        shifts = {(shift.part, shift.characteristic): shift for shift in found.shifts}
        names = dict.fromkeys(one.name for part in parts for one in part.characteristics)
        rows = []
        for name in names:
            row = [name]
            for part in parts:
                one = next((one for one in part.characteristics if one.name == name), None)
                shift = shifts.get((part.name, name))
                flag = f" ({shift.difference:+.2f}) !" if shift and shift.notable else ""
                row.append("–" if one is None else _value(one.value, one.deviation) + flag)
            rows.append(row)
        tables.append(f"{split}\n\n{Grid(['', *(part.part for part in parts)], rows).markdown()}")
    note = f"In brackets, marked !: the standardised difference from the first part, where above {NOTABLE}."
    return "\n\n".join([*tables, note] if any(shift.notable for shift in found.shifts) else tables)


def _value(value: float, deviation: float | None) -> str:
    return f"{100 * value:.2f} %" if deviation is None else f"{value:.2f} ± {deviation:.2f}"


def _kept(found: Audit) -> str:
    rows = [
        [
            one.part,
            one.what,
            f"{one.found.images or 0:,} of {one.found.test_images:,}",
            "not known" if one.found.patients is None else f"{one.found.patients:,}",
        ]
        for one in found.reserved
    ]
    head = ["learned from", "kept for testing", "images in common", "patients in common"]
    return Grid(head, rows).markdown() if rows else ""


def _hashed(found: Audit) -> str:
    return "\n".join(
        f"{'LEAK: ' if one.leak else ''}{one.model}: only the hash of its training images is known "
        f"({one.sha256}); "
        + (
            f"they are those of {', '.join(one.parts)}"
            if one.parts
            else f"it is that of no part here; a partial overlap cannot be excluded without {TRAINING_IDS}"
        )
        for one in found.hashes
    )


def _pictures(audited: AuditedFiles) -> str:
    found = audited.audit
    if found.films is None:
        return ""
    lines = [audited.inventory.message] if audited.inventory else []
    lines += [f"cannot be read: {reason}" for reason in (audited.unreadable or {}).values()]
    lines.append(
        f"{found.films:,} films compared; pairs whose fingerprints differ in at most {audited.near} of "
        f"{BITS} bits: {len(found.twins):,}"
    )
    for pair, first, second in found.twins[:_SHOWN]:
        lines.append(
            f"  {pair.first} ({', '.join(first)}) and {pair.second} ({', '.join(second)}): {pair.bits} bits"
        )
    if len(found.twins) > _SHOWN:
        lines.append(f"  and {len(found.twins) - _SHOWN:,} more; the JSON lists all")
    return "\n".join(lines)


def _verdict(found: Audit) -> str:
    lines = [
        f"{'LEAK: ' if overlap.leak else ''}{overlap.first} and {overlap.second} share {overlap.patients:,} "
        f"patients and {overlap.images:,} images, such as {overlap.example}"
        for overlap in found.overlaps
    ]
    verdict = (
        f"{len(found.leaks)} leaks: patients are where they must not be"
        if found.leaks
        else "no patient is in two parts that must not share any"
    )
    return "\n".join([*lines, f"{verdict} ({found.compared} pairs of parts compared)"])
