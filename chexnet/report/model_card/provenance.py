"""The card's sections on data and training: what the model learned from, and how."""

from collections.abc import Mapping
from typing import Any

from chexnet.classifier import ModelMetadata
from chexnet.report.model_card.schema import ModelEvaluation
from chexnet.report.tables import Grid


def describe_data(metadata: ModelMetadata, evaluation: ModelEvaluation | None) -> str:
    """Return the section on data: sources with their licences, and who was tested."""
    intro = f"Trained on `{metadata.training.get('data')}`; tested on {metadata.test_data}.\n"
    if evaluation is None:
        return f"{intro}\nThe file does not know the licences of its data.\n"
    sources = Grid(
        ("source", "labels", "licence", "attribution"),
        [(one.name, one.labels, one.licence, one.attribution) for one in evaluation.sources],
    )
    tested = "; ".join(
        f"{one.images} images of {one.patients} patients of {one.name}" for one in evaluation.test_sets
    )
    people = Grid(
        (f"test images of {evaluation.test_sets[0].name}", ""),
        [(one.what, one.value) for one in evaluation.characteristics],
    )
    return (
        f"{intro}\n{sources.markdown()}\n\n"
        f"Measured here on {tested}. None of these patients was trained on, and no number mixes the sets. "
        f"The images come without names; patients are numbers.\n\n{people.markdown()}\n"
    )


def describe_training(metadata: ModelMetadata) -> str:
    """Return the section on training, from what training wrote into the file."""
    known = metadata.training
    entries = {
        "images": _listed(known.get("images")),
        "patients, none in two parts": _listed(known.get("patients")),
        "SHA-256 of the training images' names": f"`{known.get('train_ids_sha256')}`",
        "initial weights": _chain(known.get("initial_weights")),
        **({"weights averaged with those of": _chain(known["average"])} if "average" in known else {}),
        "epochs; validation loss": f"{known.get('epochs')}; {_number(known.get('validation_loss'))}",
        "software": _listed(known.get("software")),
        "recipe": _listed(known.get("recipe")),
        "float16 weights: largest change of a logit": _number(known.get("float16_logit_difference")),
        "float16 weights: largest change of an AUROC": _largest(known.get("float16_auroc_difference")),
    }
    return "".join(f"- {what}: {value}\n" for what, value in entries.items())


def _listed(values: Any) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items()) if values else "not known"


def _chain(initial: Any) -> str:
    """The chain of weights, from the last to the first."""
    chain = []
    while isinstance(initial, Mapping):
        source, before = str(initial.get("source")), initial.get("trained_on")
        initial = None
        if isinstance(before, Mapping):
            # Most files are called best.ckpt; the name of their run says more.
            source = f"{source} of {before.get('recipe', {}).get('name', 'a run without a name')}"
            initial = before.get("initial_weights")
        chain.append(source)
    return ", from ".join(chain) or "not known"


def _number(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else "not measured"


def _largest(differences: Any) -> str:
    known = [value for value in (differences or {}).values() if value is not None]
    return f"{max(known, key=abs):+.5f}" if known else "not measured"
