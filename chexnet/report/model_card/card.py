"""The model card, written from the model file and from one evaluation of it; nothing in it is typed by hand.

The evaluation is what ``recipes/card/measure.py`` writes. Without it the card says what the file alone knows.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from chexnet.classifier.metadata import ModelMetadata
from chexnet.classifier.overlay import NOTICE
from chexnet.classifier.prediction import ModelIdentity
from chexnet.findings import display_name
from chexnet.report.model_card.card_tables import (
    comparison_table,
    confounds,
    mean_line,
    performance_table,
    share,
    spoken,
    table,
)
from chexnet.report.model_card.checklists import CLAIM, TRIPOD_AI, Item
from chexnet.statistics import Estimate

NOT_MEASURED = "Not measured: this card was written without an evaluation.\n"

LIMITS = """\
Section 4.2 of the paper names the limits of its comparison; they hold for this model:

- Only frontal films are read. Up to 15 % of accurate diagnoses need the lateral view (Raoof et al. 2012).
- Neither patient history nor earlier films are used; both change what a radiologist says.

And beyond the paper:

- Probabilities and predictive values hold at the prevalence of the test films, which is not that of any
  hospital.
- A finding without enough test films is not validated and never called. Its absence from a result says
  nothing.
- Activation maps show what a decision rests on. They are no proof of a finding's place.
"""


def read_evaluation(path: Path) -> dict[str, Any]:
    """The evaluation that ``recipes/card/measure.py`` wrote.

    Raises:
        ValueError: it is no such file.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(
            f"{path}: expected an evaluation as recipes/card/measure.py writes it ({error})"
        ) from error
    if not isinstance(content, dict) or "model" not in content:
        raise ValueError(f"{path}: expected an evaluation as recipes/card/measure.py writes it")
    return content


def model_card(
    metadata: ModelMetadata,
    identity: ModelIdentity,
    evaluation: Mapping[str, Any] | None = None,
    *,
    reliability: str | None = None,
) -> str:
    """The card as Markdown.

    Args:
        metadata: of the model file.
        identity: of the model file.
        evaluation: what was measured of that very file.
        reliability: where the picture of the reliability diagrams is, for the link to it.

    Raises:
        ValueError: the evaluation is of another file, or lacks an entry.
    """
    if evaluation is not None and evaluation["model"]["sha256"] != identity.sha256:
        raise ValueError(
            f"the evaluation is of the file {evaluation['model']['sha256'][:12]}, the card of "
            f"{identity.sha256[:12]}; run recipes/card/measure.py on this file"
        )
    try:
        sections = _sections(metadata, identity, evaluation, reliability)
    except (KeyError, TypeError) as error:
        raise ValueError(f"the evaluation lacks {error}; run recipes/card/measure.py again") from error
    return "\n".join(f"## {title}\n\n{text}" if title else text for title, text in sections.items())


def _sections(
    metadata: ModelMetadata,
    identity: ModelIdentity,
    evaluation: Mapping[str, Any] | None,
    reliability: str | None,
) -> dict[str, str]:
    sections = {
        "": _head(identity, evaluation),
        "Intended use": _intended_use(metadata),
        "Data and licences": _data(metadata, evaluation),
        "Training": _training(metadata),
        "Performance": _performance(metadata, evaluation),
        "Subgroups": _or_not(evaluation, lambda found: _subgroups(found, metadata)),
        "Calibration": _calibration(metadata, evaluation, reliability),
        "Operating points": _operating_points(metadata, evaluation),
        "Where it fails": _or_not(evaluation, lambda found: _failures(found, metadata)),
        "Confounds looked for": _or_not(evaluation, lambda found: confounds(found, metadata)),
        "Limits": _limits(evaluation),
        "To repeat it": _repeat(evaluation),
    }
    checklists = _checklists(tuple(sections))
    return sections | {"Reporting checklists": checklists}


def _or_not(evaluation: Mapping[str, Any] | None, write: Callable[[Mapping[str, Any]], str]) -> str:
    return NOT_MEASURED if evaluation is None else write(evaluation)


def _head(identity: ModelIdentity, evaluation: Mapping[str, Any] | None) -> str:
    numbers = (
        "its own metadata alone. Sections that need an evaluation of its films say so: "
        "`python -m recipes.card.measure` writes one, and `--evaluation` reads it."
        if evaluation is None
        else "an evaluation of it by `python -m recipes.card.measure` (`--evaluation`)."
    )
    return (
        f"# Model card: {identity.name}, version {identity.version}\n\n> {NOTICE}\n\n"
        f"Written by `chexnet model card` from the file with SHA-256 `{identity.sha256}` and {numbers}\n"
    )


def _intended_use(metadata: ModelMetadata) -> str:
    maps = {
        "mean": "Each finding's class activation map is the finding's logit, spread over the film.",
        "log_sum_exp": "Each finding has an activation map, which does not add up to the logit.",
        "none": "The network has no activation maps.",
    }[metadata.maps]
    return (
        f"{metadata.intended_use}\n\n"
        f"Input: one frontal chest radiograph (PNG, JPEG or DICOM), read at {metadata.preprocessing.size}×"
        f"{metadata.preprocessing.size} pixels. Output: a probability of each of {len(metadata.findings)} "
        f"findings, and for validated findings a verdict at a named operating point. {maps}\n\n"
        "For whom: researchers and engineers. Not for: lateral films, other body parts, CT, photographs of "
        "films, triage, screening, or any decision about a patient.\n"
    )


def _data(metadata: ModelMetadata, evaluation: Mapping[str, Any] | None) -> str:
    training = metadata.training
    lines = [f"Trained on `{training.get('data')}`; tested on {metadata.test_data}.\n"]
    if evaluation is None:
        lines.append("The file does not know the licences of its data.\n")
        return "\n".join(lines)
    lines.append(
        table(
            ("source", "labels", "licence", "attribution"),
            [
                (one["name"], one["labels"], one["licence"], one["attribution"])
                for one in evaluation["sources"]
            ],
        )
    )
    measured = "; ".join(
        f"{one['images']} films of {one['patients']} patients of {one['name']}" for one in evaluation["films"]
    )
    lines.append(
        f"Measured here on {measured}. None of these patients was trained on, and no number mixes the sets. "
        "The films come without names; patients are numbers.\n"
    )
    lines.append(
        table(
            (f"test films of {evaluation['films'][0]['name']}", ""),
            [(one["what"], one["value"]) for one in evaluation["characteristics"]],
        )
    )
    return "\n".join(lines)


def _training(metadata: ModelMetadata) -> str:
    training = metadata.training
    rows = [
        ("images", _counts(training.get("images"))),
        ("patients, none in two parts", _counts(training.get("patients"))),
        ("SHA-256 of the training images' names", f"`{training.get('train_ids_sha256')}`"),
        ("initial weights", _source(training.get("initial_weights"))),
        *(
            [("weights averaged with those of", _source(training["average"]))]
            if "average" in training
            else []
        ),
        ("epochs; validation loss", f"{training.get('epochs')}; {_number(training.get('validation_loss'))}"),
        ("software", _counts(training.get("software"))),
        ("recipe", _counts(training.get("recipe"))),
        ("float16 weights: largest change of a logit", _number(training.get("float16_logit_difference"))),
        ("float16 weights: largest change of an AUROC", _float16(training.get("float16_auroc_difference"))),
    ]
    return table(("", ""), rows)


def _performance(metadata: ModelMetadata, evaluation: Mapping[str, Any] | None) -> str:
    parts = [
        f"Each finding against all films without it, {metadata.test_data}; intervals by patient. A finding "
        "is validated where the interval lies above 0.5 and enough films have it.\n",
        performance_table(metadata),
    ]
    if evaluation is not None:
        reproduced = evaluation["reproduced"]
        parts += [
            f"{mean_line(evaluation)} Measured from the file itself, the AUROCs differ by at most "
            f"{reproduced['largest_auroc_difference']:.4f} from those that training wrote into it.\n",
            "Easier questions, and beside them what is known without looking at the film, the better way "
            "round:\n",
            comparison_table(evaluation),
        ]
    return "\n".join(parts)


def _subgroups(evaluation: Mapping[str, Any], metadata: ModelMetadata) -> str:
    validated = [one for one in metadata.findings if one.validated]
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for one in evaluation["subgroups"]:
        groups.setdefault(one["grouping"], []).append(one)
    parts = [
        "AUROC of the validated findings (95 % interval), and the number of films that have the finding. "
        "Wide intervals can show a gross difference between groups, and never its absence.\n"
    ]
    for grouping, members in groups.items():
        head = (grouping, *(f"{one['name']}: {one['images']} films" for one in members))
        rows = [
            (spoken(finding), *(_in_group(one["findings"][finding.finding]) for one in members))
            for finding in validated
        ]
        parts.append(table(head, rows))
    return "\n".join(parts)


def _in_group(found: Mapping[str, Any]) -> str:
    if found["low"] is None:
        return f"–, {found['positives']}"
    return f"{Estimate.from_numbers(found).text(2)}, {found['positives']}"


def _calibration(
    metadata: ModelMetadata, evaluation: Mapping[str, Any] | None, reliability: str | None
) -> str:
    tests = calibration_tests(metadata, evaluation)
    if not tests:
        return "Not measured.\n"
    rows = [
        (
            spoken(one),
            "none" if one.calibration.is_identity else "Platt",
            *(f"{tests[one.finding][when]['ece']:.3f}" for when in ("before", "after")),
            *(f"{tests[one.finding][when]['brier']:.4f}" for when in ("before", "after")),
            "" if one.validated else "not validated",
        )
        for one in metadata.findings
        if one.finding in tests
    ]
    head = ("finding", "scaling", "ECE before", "after", "Brier before", "after", "")
    parts = [
        "Platt scaling, fitted on validation films; a finding with too few of them keeps the plain "
        "sigmoid. Measured on the test films. ECE has 15 bins of equal width; of a perfect model it is not 0 "
        "but grows as films get fewer, so small differences say nothing.\n",
        table(head, rows),
    ]
    if reliability is not None:
        parts.append(f"![Reliability diagrams of the validated findings]({reliability})\n")
    return "\n".join(parts)


def calibration_tests(
    metadata: ModelMetadata, evaluation: Mapping[str, Any] | None
) -> dict[str, dict[str, Any]]:
    """Reliability of each finding "before" and "after", measured from the file or as training wrote it."""
    if evaluation is not None:
        return dict(evaluation["calibration"])
    return {
        one.finding: {
            "before": vars(one.calibration_test.before),
            "after": vars(one.calibration_test.after),
        }
        for one in metadata.findings
        if one.calibration_test is not None
    }


def draw_reliability(metadata: ModelMetadata, evaluation: Mapping[str, Any] | None) -> bytes:
    """The reliability diagrams of the validated findings, as SVG.

    Raises:
        ValueError: there is none to draw.
    """
    # Imported here: a card without a picture needs no matplotlib.
    from chexnet.report.figures import calibration_figure, save

    tests = calibration_tests(metadata, evaluation)
    shown = {
        one.finding: tests[one.finding] for one in metadata.findings if one.validated and one.finding in tests
    }
    if not shown:
        raise ValueError("no reliability diagram to draw: no validated finding has one")
    return save(calibration_figure(shown))


def _operating_points(metadata: ModelMetadata, evaluation: Mapping[str, Any] | None) -> str:
    intro = (
        "Chosen on validation films, by policy; a finding is called present at or above its threshold. "
        f"`{metadata.policy}` applies unless another is asked for (`--policy`). Findings that are not "
        "validated have no threshold and no verdict.\n"
    )
    if evaluation is None:
        policies = sorted({name for one in metadata.findings for name in one.thresholds})
        rows = [
            (spoken(one), *(f"{one.thresholds[name]:.3f}" for name in policies))
            for one in metadata.findings
            if one.validated
        ]
        return f"{intro}\n{table(('finding', *policies), rows)}"
    head = ("finding", "policy", "threshold", "sensitivity", "specificity", "PPV", "NPV", "F1")
    names = ("sensitivity", "specificity", "ppv", "npv", "f1")
    rows = [
        (
            display_name(finding),
            policy,
            f"{point['threshold']:.3f}",
            *(share(point[name]) for name in names),
        )
        for finding in (one.finding for one in metadata.findings)
        for policy, points in evaluation["operating_points"].items()
        if (point := points.get(finding)) is not None
    ]
    return f"{intro}\nOn the test films:\n\n{table(head, rows)}"


def _failures(evaluation: Mapping[str, Any], metadata: ModelMetadata) -> str:
    rows = [
        (
            display_name(finding),
            f"{one['missed']['films']} of {one['present']['films']}",
            _of(one["missed"], "AP"),
            _of(one["present"], "AP"),
            f"{one['false']['films']} of {one['absent']['films']}",
            _of(one["false"], "other_finding"),
            _of(one["absent"], "other_finding"),
        )
        for finding, one in evaluation["errors"].items()
    ]
    head = (
        *("finding", "missed", "AP among the missed", "AP among all with it"),
        *("called without it", "other finding among these", "among all without it"),
    )
    pictures = [(one["picture"], f"{one['pneumonia']:.3f}") for one in evaluation["synthetic"]]
    return (
        f"At the thresholds of `{metadata.policy}`, on the test films:\n\n{table(head, rows)}\n"
        "Where that share is above the last column's, other findings draw false calls.\n\n"
        "No patient's film is shown here. What the network alone, without its gate, says of computed "
        "pictures, some of which are no upright film at all:\n\n"
        f"{table(('picture', 'probability of pneumonia'), pictures)}\n"
        "A network always gives a number; that it gives one does not mean that the picture is a film.\n"
    )


def _of(part: Mapping[str, int], name: str) -> str:
    return f"{part[name] / part['films']:.0%}" if part["films"] else "–"


def _limits(evaluation: Mapping[str, Any] | None) -> str:
    own = [] if evaluation is None else evaluation["limits"]
    return LIMITS + "".join(f"- {one}\n" for one in own)


def _repeat(evaluation: Mapping[str, Any] | None) -> str:
    if evaluation is None:
        return "`python -m recipes.card.measure MODEL` measures a file on the open films.\n"
    images = evaluation["training_images"]
    which = images["is"] or "none that the recipes know"
    return (
        f"`{evaluation['command']}` ({evaluation['software']}) measures all of this from the file and the "
        "open films; its numbers are in `model-card.json`. The file carries the hash of its training "
        f"images' names, `{images['sha256']}`: {which}.\n"
    )


def _checklists(sections: Sequence[str]) -> str:
    parts = ["Items that apply to a model file, and where this card answers them.\n"]
    for title, items in (
        ("CLAIM (Mongan et al. 2020)", CLAIM),
        ("TRIPOD+AI (Collins et al. 2024)", TRIPOD_AI),
    ):
        parts.append(table((title, "item", "where"), [_item(one, sections) for one in items]))
    return "\n".join(parts)


def _item(item: Item, sections: Sequence[str]) -> tuple[str, str, str]:
    places = [f"[{place}](#{_anchor(place)})" if place in sections else place for place in item.places]
    return item.number, item.says, ", ".join(places)


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")


def _counts(values: Any) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items()) if values else "not known"


def _source(initial: Any) -> str:
    """The chain of weights, from the last to the first."""
    chain = []
    while isinstance(initial, Mapping):
        source, before = str(initial.get("source")), initial.get("trained_on")
        initial = None
        if isinstance(before, Mapping):
            # A file called best.ckpt, as most are, says less than whose it is.
            source = f"{source} of {before.get('recipe', {}).get('name', 'a run without a name')}"
            initial = before.get("initial_weights")
        chain.append(source)
    return ", from ".join(chain) or "not known"


def _number(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else "not measured"


def _float16(differences: Any) -> str:
    known = [value for value in (differences or {}).values() if value is not None]
    return f"{max(known, key=abs):+.5f}" if known else "not measured"
