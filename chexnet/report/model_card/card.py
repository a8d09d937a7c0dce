"""The model card as Markdown, from the model file and one evaluation of it; nothing in it is typed by hand.

Without an evaluation the card says what the file alone knows.
"""

from collections.abc import Callable

from chexnet.classifier import NOTICE, ModelIdentity, ModelMetadata
from chexnet.report.checklists import card_checklists
from chexnet.report.model_card.failures import confounds, describe_failures
from chexnet.report.model_card.performance import (
    describe_operating_points,
    describe_performance,
    describe_subgroups,
)
from chexnet.report.model_card.provenance import describe_data, describe_training
from chexnet.report.model_card.reliability import describe_calibration
from chexnet.report.model_card.schema import ModelEvaluation

NOT_MEASURED = "Not measured: this card was written without an evaluation.\n"

_LIMITS = """\
Section 4.2 of the paper names the limits of its comparison; they hold for this model:

- Only frontal radiographs are read. Up to 15 % of accurate diagnoses need the lateral view (Raoof et al.
  2012).
- Neither patient history nor earlier radiographs are used; both change what a radiologist says.

And beyond the paper:

- Probabilities and predictive values hold at the prevalence of the test images, which is not that of any
  hospital.
- A finding without enough test images is not validated and never called. Its absence from a result says
  nothing.
- Activation maps show what a decision rests on. They do not prove where a finding is.
"""


def model_card(
    metadata: ModelMetadata,
    identity: ModelIdentity,
    evaluation: ModelEvaluation | None = None,
    *,
    reliability: str | None = None,
) -> str:
    """Return the card as Markdown.

    Args:
        metadata: of the model file.
        identity: of the model file.
        evaluation: what was measured of that very file.
        reliability: where the picture of the reliability diagrams is, for the link to it.

    Raises:
        ValueError: the evaluation is of another file.
    """
    check_identity(identity, evaluation)
    sections = {
        "Intended use": describe_intended_use(metadata),
        "Data and licences": describe_data(metadata, evaluation),
        "Training": describe_training(metadata),
        "Performance": describe_performance(metadata, evaluation),
        "Subgroups": _measured(evaluation, metadata, describe_subgroups),
        "Calibration": describe_calibration(metadata, evaluation, reliability),
        "Operating points": describe_operating_points(metadata, evaluation),
        "Where it fails": _measured(evaluation, metadata, describe_failures),
        "Confounds looked for": _measured(evaluation, metadata, confounds),
        "Limits": describe_limits(evaluation),
        "To repeat it": _repeat(evaluation),
    }
    sections["Reporting checklists"] = card_checklists(tuple(sections))
    texts = [_head(identity, evaluation), *(f"## {title}\n\n{text}" for title, text in sections.items())]
    return "\n".join(texts)


def check_identity(identity: ModelIdentity, evaluation: ModelEvaluation | None) -> None:
    """Raise ValueError where an evaluation is of another file."""
    if evaluation is not None and evaluation.model.sha256 != identity.sha256:
        raise ValueError(
            f"the evaluation is of the file {evaluation.model.sha256[:12]}, the card of "
            f"{identity.sha256[:12]}; measure this file, as with `python -m recipes.card.measure`"
        )


def _measured(
    evaluation: ModelEvaluation | None,
    metadata: ModelMetadata,
    describe: Callable[[ModelEvaluation, ModelMetadata], str],
) -> str:
    return NOT_MEASURED if evaluation is None else describe(evaluation, metadata)


def _head(identity: ModelIdentity, evaluation: ModelEvaluation | None) -> str:
    numbers = (
        "its own metadata alone. Sections that need an evaluation of the model say so: "
        "`python -m recipes.card.measure` writes one, and `--evaluation` reads it."
        if evaluation is None
        else f"an evaluation of it by `{evaluation.command}` (`--evaluation`)."
    )
    return (
        f"# Model card: {identity.name}, version {identity.version}\n\n> {NOTICE}\n\n"
        f"Written by `chexnet model card` from the file with SHA-256 `{identity.sha256}` and {numbers}\n"
    )


def describe_intended_use(metadata: ModelMetadata) -> str:
    """What goes in, what comes out, and for whom it is."""
    maps = {
        "mean": "Each finding's class activation map is the finding's logit, spread over the image.",
        "log_sum_exp": "Each finding has an activation map, which does not add up to the logit.",
        "none": "The network has no activation maps.",
    }[metadata.maps]
    size = metadata.preprocessing.size
    return (
        f"{metadata.intended_use}\n\n"
        f"Input: one frontal chest radiograph (PNG, JPEG or DICOM), read at {size}×{size} pixels. Output: a "
        f"probability of each of {len(metadata.findings)} findings, and for validated findings a verdict at "
        f"a named operating point. {maps}\n\n"
        "For whom: researchers and engineers. Not for: lateral radiographs, other body parts, CT, "
        "photographs of radiographs, triage, screening, or any decision about a patient.\n"
    )


def describe_limits(evaluation: ModelEvaluation | None) -> str:
    """Those that the paper names, those of every such model, and those of this one."""
    own = () if evaluation is None else evaluation.limits
    return _LIMITS + "".join(f"- {one}\n" for one in own)


def _repeat(evaluation: ModelEvaluation | None) -> str:
    if evaluation is None:
        return "`python -m recipes.card.measure MODEL JSON` measures a file on the open images.\n"
    images = evaluation.training_images
    return (
        f"`{evaluation.command}` ({evaluation.software}) measures all of this from the file and the "
        "open images; its numbers are in `model-card.json`. The file carries the hash of its training "
        f"images' names, `{images.sha256}`: {images.description or 'none that the recipes know'}.\n"
    )
