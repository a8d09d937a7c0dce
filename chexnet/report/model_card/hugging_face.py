"""The model card as Hugging Face Markdown: YAML front matter with a model index, then the card itself."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from chexnet.classifier import ModelIdentity, ModelMetadata
from chexnet.findings import display_name
from chexnet.report.model_card.card import model_card
from chexnet.report.model_card.schema import ModelEvaluation

_TAGS = ("medical-imaging", "radiology", "chest-x-ray", "multi-label", "class-activation-map", "onnx")


def hugging_face_card(
    metadata: ModelMetadata,
    identity: ModelIdentity,
    evaluation: ModelEvaluation | None = None,
    *,
    reliability: str | None = None,
) -> str:
    """Return the card with the front matter that the Hugging Face Hub reads.

    The model index has one result for each data set: AUROCs of the findings that are estimable, with their
    intervals in the names, as the Hub has no field for them. A licence is not claimed: the file does not
    know one.

    Args:
        metadata: of the model file.
        identity: of the model file.
        evaluation: what was measured of that very file.
        reliability: where the picture of the reliability diagrams is.

    Raises:
        ValueError: the evaluation is of another file.
    """
    card = model_card(metadata, identity, evaluation, reliability=reliability)
    front = {
        "library_name": "onnx",
        "pipeline_tag": "image-classification",
        "tags": list(_TAGS),
        "metrics": ["roc_auc"],
        "model-index": [
            {"name": f"{identity.name} {identity.version}", "results": _results(metadata, evaluation)}
        ],
    }
    return "---\n" + "\n".join(_yaml(front)) + f"\n---\n\n{card}"


def _results(metadata: ModelMetadata, evaluation: ModelEvaluation | None) -> list[dict[str, Any]]:
    own = [
        _metric(f"AUROC, {display_name(one.finding)}", one.auroc.value, one.auroc.interval)
        for one in metadata.findings
        if one.auroc is not None and one.auroc.value is not None
    ]
    results = [_result(metadata.test_data, own)] if own else []
    if evaluation is not None:
        asked = [
            _metric(f"AUROC, {one.what}", one.value, one.interval)
            for one in evaluation.comparisons
            if one.by == "the model" and one.value is not None
        ]
        tested = ", ".join(one.name for one in evaluation.test_sets)
        results.append(_result(f"{tested}: easier questions", asked))
    return results


def _result(dataset: str, metrics: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "task": {"type": "image-classification", "name": "Findings on frontal chest radiographs"},
        "dataset": {"type": "chest-radiographs", "name": dataset},
        "metrics": metrics,
    }


def _metric(name: str, value: float, interval: tuple[float, float] | None) -> dict[str, Any]:
    ends = "" if interval is None else f" (95 % interval {interval[0]:.3f} to {interval[1]:.3f})"
    return {"type": "roc_auc", "name": name + ends, "value": round(value, 4)}


def _yaml(content: Any, indent: str = "") -> Iterator[str]:
    """Lines of block YAML; texts are quoted as in JSON, which YAML reads alike."""
    for key, value in content.items() if isinstance(content, Mapping) else ((None, one) for one in content):
        start = f"{indent}-" if key is None else f"{indent}{key}:"
        if not isinstance(value, Mapping | list):
            yield f"{start} {json.dumps(value, ensure_ascii=False)}"
        elif not value:
            yield f"{start} []"
        elif key is None:
            first, *others = _yaml(value, indent + "  ")
            yield f"{start} {first.lstrip()}"
            yield from others
        else:
            yield start
            yield from _yaml(value, indent + "  ")
