"""The items of two reporting guidelines that a model file can answer, and the sections that answer them.

CLAIM is for studies of AI in medical imaging (Mongan, Moy, Kahn, Radiology: Artificial Intelligence 2020),
TRIPOD+AI for prediction models (Collins et al., BMJ 2024). Items about a study's registration, funding or
ethics, or about people who took part, have no place in a model file. The wording is this software's.
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
        places: sections of the card, or what else answers it.
    """

    number: str
    says: str
    places: tuple[str, ...]


CLAIM = (
    Item("3", "background, intended use and role", ("Intended use",)),
    Item("7", "sources of data", ("Data and licences",)),
    Item("8", "who was eligible", ("Data and licences", "Limits")),
    Item("9", "preprocessing", ("Intended use", "`docs/reading.md`")),
    Item("12", "de-identification", ("Data and licences",)),
    Item("13", "missing data", ("Data and licences", "`docs/deviations.md`")),
    Item("14–16", "reference standard, its reason and its annotators", ("Data and licences", "Limits")),
    Item("20–21", "partitions, and the level at which they are disjoint", ("Training",)),
    Item("22", "the model, its inputs and outputs", ("Intended use", "`docs/paper-to-code.md`")),
    Item("23", "software", ("Training",)),
    Item("24", "initial parameters", ("Training",)),
    Item("25", "training: augmentation, hyperparameters", ("Training",)),
    Item("26", "how the final model was selected", ("Training", "`docs/paper-to-code.md`")),
    Item("28–29", "metrics and their uncertainty", ("Performance", "`docs/statistics.md`")),
    Item("30", "robustness", ("Confounds looked for",)),
    Item("31", "explanations, and whether they hold", ("Confounds looked for", "`docs/results.md`")),
    Item("32", "external data", ("Limits",)),
    Item("33–34", "flow and characteristics of the cases", ("Data and licences",)),
    Item("35–36", "performance with intervals", ("Performance", "Subgroups", "Operating points")),
    Item("37", "incorrectly classified cases", ("Where it fails",)),
    Item("38", "limits, bias, generalisability", ("Limits",)),
    Item("39", "implications for practice", ("Intended use",)),
    Item("41", "where the protocol is", ("To repeat it",)),
)

TRIPOD_AI = (
    Item("3b", "target population and intended purpose", ("Intended use",)),
    Item("3c", "known inequalities between groups", ("Subgroups",)),
    Item("5a", "sources of data", ("Data and licences",)),
    Item("6b", "eligibility", ("Data and licences", "Limits")),
    Item("7", "preparation of the data", ("Intended use", "`docs/reading.md`")),
    Item("8a–8b", "outcome and who assessed it", ("Data and licences", "Limits")),
    Item("9", "predictors", ("Intended use",)),
    Item("10", "sample size", ("Performance", "`docs/statistics.md`")),
    Item("11", "missing data", ("Data and licences", "`docs/deviations.md`")),
    Item("12a", "how the data were used and split", ("Training",)),
    Item("12c", "type of model and its making", ("Training", "`docs/paper-to-code.md`")),
    Item("12e", "measures of performance", ("Performance", "Calibration", "`docs/statistics.md`")),
    Item("12f", "recalibration", ("Calibration",)),
    Item("13", "class imbalance", ("Training", "`docs/paper-to-code.md`")),
    Item("14", "fairness", ("Subgroups",)),
    Item("15", "output, and how thresholds were chosen", ("Operating points",)),
    Item("16", "differences between training and evaluation", ("Data and licences", "Limits")),
    Item("18e–18f", "data and code", ("Data and licences", "To repeat it")),
    Item("20–21", "participants, outcomes and their numbers", ("Data and licences", "Performance")),
    Item("22", "the full model", ("the model file itself", "`docs/library.md`")),
    Item("23a–23b", "performance with intervals, and where it differs", ("Performance", "Subgroups")),
    Item("25–26", "interpretation and limits", ("Confounds looked for", "Limits")),
    Item("27a", "unusable input", ("Where it fails", "`docs/reading.md`")),
    Item("27b", "who uses it, and what they need to know", ("Intended use",)),
)


def describe_checklists(sections: Sequence[str]) -> str:
    """Return both checklists as tables, with links to the `sections` of the card that exist."""
    parts = ["Items that apply to a model file, and where this card answers them.\n"]
    for title, items in (
        ("CLAIM (Mongan et al. 2020)", CLAIM),
        ("TRIPOD+AI (Collins et al. 2024)", TRIPOD_AI),
    ):
        rows = [
            (one.number, one.says, ", ".join(_link(place, sections) for place in one.places)) for one in items
        ]
        parts.append(Grid((title, "item", "where"), rows).markdown() + "\n")
    return "\n".join(parts)


def _link(place: str, sections: Sequence[str]) -> str:
    return f"[{place}](#{place.lower().replace(' ', '-')})" if place in sections else place
