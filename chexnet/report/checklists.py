"""Items of reporting guidelines that a model file or an evaluation can answer, and where they are answered.

CLAIM is for AI in medical imaging (2024 update: Tejani et al., Radiology: Artificial Intelligence 2024),
TRIPOD+AI for prediction models (Collins et al., BMJ 2024), STARD-AI for diagnostic accuracy with AI
(Sounderajah et al., Nature Medicine 2025). Items about a study's registration, funding or ethics, or about
people who took part, are left out: software cannot answer them. The wording is this software's.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from chexnet.report.tables import Grid


@dataclass(frozen=True)
class Item:
    """One item.

    Attributes:
        number: in its guideline.
        says: what it asks for, in short.
        card: sections of the model card, or what else answers it.
        report: sections of the page of `chexnet report`.
    """

    number: str
    says: str
    card: tuple[str, ...] = ()
    report: tuple[str, ...] = ()


_DATA = "Data and licences"
_CODE = "`docs/paper-to-code.md`"
_READING = "`docs/reading.md`"
_STATISTICS = "`docs/statistics.md`"
_DEVIATIONS = "`docs/deviations.md`"

CLAIM = (
    Item("3", "background, intended use and role", ("Intended use",)),
    Item("7", "sources of data", (_DATA,), ("Data",)),
    Item("8", "inclusion and exclusion", (_DATA, "Limits"), ("Data",)),
    Item("9", "preprocessing", ("Intended use", _READING)),
    Item("10", "selection of subsets", (_DATA,)),
    Item("11", "de-identification", (_DATA,)),
    Item("12", "missing data", (_DATA, _DEVIATIONS), ("Data", "Methods")),
    Item("14", "reference standard", (_DATA,), ("Radiologists",)),
    Item("15", "why this reference standard", ("Limits",)),
    Item("16", "annotators", (_DATA,)),
    Item("18", "agreement between annotators", (), ("Radiologists",)),
    Item("19", "how images were assigned to parts", ("Training",), ("Data",)),
    Item("20", "level at which parts are disjoint", ("Training",), ("Data",)),
    Item("22", "the model, its inputs and outputs", ("Intended use", _CODE)),
    Item("23", "software", ("Training",), ("Commands and software",)),
    Item("24", "initial parameters", ("Training",)),
    Item("25", "training: augmentation, hyperparameters", ("Training",)),
    Item("26", "how the final model was selected", ("Training", _CODE)),
    Item("27", "ensembles", ("Training",)),
    Item("28", "measures of performance", ("Performance", _STATISTICS), ("Methods",)),
    Item("29", "uncertainty and significance", (_STATISTICS,), ("Methods", "Comparison of two models")),
    Item("30", "robustness", ("Confounds looked for",), ("Subgroups",)),
    Item(
        "31",
        "explanations, and whether they hold",
        ("Confounds looked for", "`docs/results.md`"),
        ("Localisation",),
    ),
    Item("32", "internal testing", ("Performance",), ("Discrimination",)),
    Item("33", "external testing, or why there is none", ("Limits",)),
    Item("35", "numbers included and excluded", (_DATA,), ("Data",)),
    Item("36", "characteristics of the cases", (_DATA,), ("Data",)),
    Item(
        "37", "performance, also in subgroups", ("Performance", "Subgroups"), ("Discrimination", "Subgroups")
    ),
    Item("38", "diagnostic accuracy with intervals", ("Operating points",), ("Operating points",)),
    Item("39", "failure analysis", ("Where it fails",)),
    Item("40", "limits, bias, generalisability", ("Limits",), ("Limitations",)),
    Item("41", "implications for practice", ("Intended use",)),
    Item("42", "where the details are", ("To repeat it",), ("Methods",)),
    Item(
        "43", "availability of software, model and data", ("To repeat it", _DATA), ("Commands and software",)
    ),
)

TRIPOD_AI = (
    Item("3b", "target population and intended purpose", ("Intended use",)),
    Item("3c", "known inequalities between groups", ("Subgroups",), ("Subgroups",)),
    Item("5a", "sources of data", (_DATA,), ("Data",)),
    Item("6b", "eligibility", (_DATA, "Limits")),
    Item("7", "preparation of the data", ("Intended use", _READING)),
    Item("8a–8b", "outcome and who assessed it", (_DATA, "Limits")),
    Item("9", "predictors", ("Intended use",)),
    Item("10", "sample size", ("Performance", _STATISTICS), ("Data",)),
    Item("11", "missing data", (_DATA, _DEVIATIONS), ("Data",)),
    Item("12a", "how the data were used and split", ("Training",), ("Data",)),
    Item("12c", "type of model and its making", ("Training", _CODE)),
    Item("12e", "measures of performance", ("Performance", "Calibration", _STATISTICS), ("Methods",)),
    Item("12f", "recalibration", ("Calibration",), ("Calibration",)),
    Item("13", "class imbalance", ("Training", _CODE)),
    Item("14", "fairness", ("Subgroups",), ("Subgroups",)),
    Item("15", "output, and how thresholds were chosen", ("Operating points",), ("Operating points",)),
    Item("16", "differences between training and evaluation", (_DATA, "Limits")),
    Item("18e–18f", "data and code", (_DATA, "To repeat it"), ("Commands and software",)),
    Item(
        "20–21",
        "participants, outcomes and their numbers",
        (_DATA, "Performance"),
        ("Data", "Discrimination"),
    ),
    Item("22", "the full model", ("the model file itself", "`docs/library.md`")),
    Item(
        "23a–23b",
        "performance with intervals, and where it differs",
        ("Performance", "Subgroups"),
        ("Discrimination", "Subgroups"),
    ),
    Item("25–26", "interpretation and limits", ("Confounds looked for", "Limits"), ("Limitations",)),
    Item("27a", "unusable input", ("Where it fails", _READING)),
    Item("27b", "who uses it, and what they need to know", ("Intended use",)),
)

STARD_AI = (
    Item("3", "intended use, and whether the test is new", ("Intended use",)),
    Item("7", "eligibility of participants and of images", (_DATA, "Limits"), ("Data",)),
    Item("11", "source of the data", (_DATA,), ("Data",)),
    Item("12", "who annotated, and how", (_DATA,)),
    Item("13", "devices and software", ("Training",), ("Commands and software",)),
    Item("14", "acquisition and preprocessing", ("Intended use", _READING)),
    Item("15a", "the index test", ("Intended use", _CODE)),
    Item("15b", "how it was developed, and on how many", ("Training",)),
    Item("15c", "its cut-offs", ("Operating points",), ("Operating points",)),
    Item("15d", "its users", ("Intended use",)),
    Item("16a", "reference standard", (_DATA,), ("Radiologists",)),
    Item("16b", "why this reference standard", ("Limits",)),
    Item("18", "statistical methods", (_STATISTICS,), ("Methods",)),
    Item("19", "indeterminate results", ("Operating points",)),
    Item("20", "missing data", (_DATA, _DEVIATIONS), ("Data", "Methods")),
    Item("21", "variability of accuracy", ("Subgroups", "Confounds looked for"), ("Subgroups",)),
    Item("22", "sample size", ("Performance", _STATISTICS), ("Data",)),
    Item("23", "error analysis, bias and fairness", ("Where it fails", "Subgroups"), ("Subgroups",)),
    Item("25", "characteristics of the sets", (_DATA,), ("Data",)),
    Item("28", "whether the sets represent the intended population", ("Limits",), ("Limitations",)),
    Item("29", "how an external set differs", ("Limits",)),
    Item("30", "results by the reference standard", ("Where it fails",), ("Operating points",)),
    Item(
        "31",
        "accuracy with intervals",
        ("Performance", "Operating points"),
        ("Discrimination", "Operating points"),
    ),
    Item("33", "limits, bias, generalisability", ("Limits",), ("Limitations",)),
    Item("34", "implications for practice", ("Intended use",)),
    Item("35", "fairness and ethics", ("Subgroups", "Limits"), ("Subgroups",)),
    Item("40a", "data and code", (_DATA, "To repeat it"), ("Commands and software",)),
)

CHECKLISTS = {
    "CLAIM (2024 update)": CLAIM,
    "TRIPOD+AI (2024)": TRIPOD_AI,
    "STARD-AI (2025)": STARD_AI,
}


def card_checklists(sections: Sequence[str]) -> str:
    """Return the items that a model card answers as Markdown, with links to the `sections` that it has."""
    parts = ["Items that apply to a model file, and where this card answers them.\n"]
    for title, items in CHECKLISTS.items():
        rows = [
            (one.number, one.says, ", ".join(_link(place, sections) for place in one.card))
            for one in items
            if one.card
        ]
        parts.append(Grid((title, "item", "where"), rows).markdown() + "\n")
    return "\n".join(parts)


def report_checklists(sections: Sequence[str]) -> list[Grid]:
    """Return the items that the `sections` of a report answer, one table for each guideline."""
    return [
        Grid(
            (title, "item", "section"),
            [(one.number, one.says, ", ".join(found)) for one in items if (found := _found(one, sections))],
        )
        for title, items in CHECKLISTS.items()
    ]


def _found(item: Item, sections: Sequence[str]) -> list[str]:
    return [section for section in item.report if section in sections]


def _link(place: str, sections: Sequence[str]) -> str:
    return f"[{place}](#{place.lower().replace(' ', '-')})" if place in sections else place
