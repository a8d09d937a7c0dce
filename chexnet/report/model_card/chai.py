"""The model card as an applied model card of the Coalition for Health AI (CHAI), XML of its schema v0.2.

Texts are Markdown, as that schema allows. What a model file cannot know, such as who paid for it, says so.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any
from xml.etree import ElementTree

from chexnet.classifier import NOTICE, ModelIdentity, ModelMetadata
from chexnet.findings import display_name
from chexnet.report.model_card.card import check_identity, describe_intended_use, describe_limits
from chexnet.report.model_card.failures import confounds
from chexnet.report.model_card.performance import describe_subgroups
from chexnet.report.model_card.provenance import describe_data, describe_training
from chexnet.report.model_card.schema import ModelEvaluation
from chexnet.statistics import Estimate

NAMESPACE = "https://mc.chai.org/v0.2/schema.xsd"

_NOT_STATED = "Not stated in the model file."
_NOT_MEASURED = "Not measured: this card was written without an evaluation."
_VALIDATED = (
    "0.5 is chance. A finding is validated where the interval lies above 0.5 and enough images have it; "
    "others have no verdict."
)
_CALLED = (
    "A finding is called present at or above its threshold, which was chosen on validation images. Findings "
    "that are not validated have none."
)
_PROCESS = (
    "AUROC with 95 % intervals, images of one patient together; parts are disjoint by patient. The model "
    "file names the images that it learned from by a hash."
)


def chai_card(
    metadata: ModelMetadata, identity: ModelIdentity, evaluation: ModelEvaluation | None = None
) -> str:
    """Return the card as XML.

    Args:
        metadata: of the model file.
        identity: of the model file.
        evaluation: what was measured of that very file.

    Raises:
        ValueError: the evaluation is of another file.
    """
    check_identity(identity, evaluation)
    content = {
        "BasicInfo": {
            "ModelName": identity.name,
            "ModelDeveloper": _NOT_STATED,
            "DeveloperContact": _NOT_STATED,
        },
        "ReleaseInfo": {
            "ReleaseStage": f"Research software. {NOTICE}",
            "ReleaseDate": _NOT_STATED,
            "ReleaseVersion": f"{identity.version} (SHA-256 {identity.sha256})",
            "GlobalAvailability": "Not placed on any market.",
            "RegulatoryApproval": "None.",
        },
        "ModelSummary": {
            "Summary": metadata.intended_use,
            "Keywords": [("Keyword", display_name(one.finding)) for one in metadata.findings],
        },
        "UsesAndDirections": {
            "IntendedUseAndWorkflow": metadata.intended_use,
            "PrimaryIntendedUsers": "Researchers and engineers.",
            "HowToUse": describe_intended_use(metadata),
            "TargetedPatientPopulation": f"As in the data that it was tested on: {metadata.test_data}.",
            "CautionedOutOfScopeSettings": (
                "Diagnosis, triage, screening, or any decision about a patient; lateral radiographs, other "
                "body parts, CT, photographs of radiographs."
            ),
        },
        "Warnings": {
            "KnownRisksAndLimitations": describe_limits(evaluation),
            "KnownBiasesOrEthicalConsiderations": _NOT_MEASURED
            if evaluation is None
            else confounds(evaluation, metadata),
            "ClinicalRiskLevel": "Not assessed: it is not for clinical use.",
        },
        "TrustIngredients": _trust(metadata, evaluation),
        "KeyMetrics": _metrics(metadata, evaluation),
        "Resources": {
            "EvaluationReferences": _NOT_MEASURED
            if evaluation is None
            else f"`{evaluation.command}`, {evaluation.software}",
            "PeerReviewedPublications": "Rajpurkar et al. 2017, arXiv:1711.05225, describes the method.",
            "PatientConsentOrDisclosure": _NOT_STATED,
        },
        "Bibliography": (
            "@article{rajpurkar2017chexnet, title={{CheXNet}: Radiologist-Level Pneumonia Detection on Chest "
            "X-Rays with Deep Learning}, author={Rajpurkar, Pranav and others}, "
            "journal={arXiv:1711.05225}, year={2017}}"
        ),
    }
    ElementTree.register_namespace("", NAMESPACE)
    root = _element("AppliedModelCard", content)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _trust(metadata: ModelMetadata, evaluation: ModelEvaluation | None) -> dict[str, Any]:
    maps = {
        "mean": " and a class activation map of each",
        "log_sum_exp": " and an activation map of each",
    }.get(metadata.maps, "")
    size = metadata.preprocessing.size
    return {
        "AISystemFacts": {
            "OutcomesAndOutputs": (
                f"Calibrated probabilities of {len(metadata.findings)} findings{maps}; a verdict for those "
                "that are validated."
            ),
            "ModelType": f"Convolutional neural network; {describe_training(metadata)}",
            "InputDataSource": "One frontal chest radiograph.",
            "OutputAndInputDataTypes": f"Input: PNG, JPEG or DICOM, {size}×{size} pixels. Output: JSON.",
            "DevelopmentDataCharacterization": describe_data(metadata, evaluation),
            "BiasMitigationApproaches": _NOT_STATED,
            "OngoingMaintenance": "None: a file does not change.",
        },
        "TransparencyInformation": {"FundingSource": _NOT_STATED, "StakeholdersConsulted": _NOT_STATED},
    }


def _metrics(metadata: ModelMetadata, evaluation: ModelEvaluation | None) -> dict[str, Any]:
    areas = [
        _result(f"AUROC, {display_name(one.finding)}", one.auroc)
        for one in metadata.findings
        if one.auroc is not None
    ]
    points, groups, subgroups = [], [], _NOT_MEASURED
    if evaluation is not None:
        points = [
            _result(f"{display_name(finding)}: {name}", getattr(point, name))
            for finding, point in evaluation.operating_points.get(metadata.policy, {}).items()
            for name in ("sensitivity", "specificity")
        ]
        groups = [
            _result(f"AUROC, {display_name(finding)}, {one.grouping} {one.name}", found)
            for one in evaluation.subgroups
            for finding, found in one.findings.items()
        ]
        subgroups = describe_subgroups(evaluation, metadata)
    tested = metadata.test_data
    return {
        "UsefulnessUsabilityEfficacy": _metric(
            "Distinguish images with a finding.", areas, _VALIDATED, tested
        ),
        "FairnessEquity": _metric("Equal AUROC in all groups.", groups, subgroups, tested),
        "SafetyReliability": _metric(
            f"Sensitivity and specificity at the policy `{metadata.policy}`.", points, _CALLED, tested
        ),
    }


def _metric(goal: str, results: list[Mapping[str, str]], interpretation: str, tested: str) -> dict[str, Any]:
    return {
        "MetricGoal": goal,
        # The schema asks for one result at least.
        "Results": [("MetricResult", one) for one in results or [_none()]],
        "Interpretation": interpretation,
        "TestType": "Retrospective, on images of other patients of the same data sets.",
        "TestingDataDescription": tested,
        "ValidationProcessAndJustification": _PROCESS,
    }


def _result(label: str, found: Estimate) -> Mapping[str, str]:
    if found.value is None:
        return {
            "Label": f"{label}: not estimable",
            "ValueJson": json.dumps({"kind": "single", "value": None}),
        }
    if found.interval is None:
        value: dict[str, Any] = {"kind": "single", "value": round(found.value, 4)}
    else:
        low, high = (round(end, 4) for end in found.interval)
        value = {
            "kind": "estimate_ci",
            "estimate": round(found.value, 4),
            "lower": low,
            "upper": high,
            "level": 95,
        }
    return {"Label": label, "ValueJson": json.dumps(value)}


def _none() -> Mapping[str, str]:
    return {"Label": "Not measured", "ValueJson": json.dumps({"kind": "single", "value": None})}


def _element(name: str, content: Any) -> ElementTree.Element:
    """A text, or the elements of a dict or of a list of pairs, in their order."""
    element = ElementTree.Element(f"{{{NAMESPACE}}}{name}")
    if isinstance(content, str):
        element.text = content.strip()
    else:
        inner: Iterable[tuple[str, Any]] = content.items() if isinstance(content, Mapping) else content
        element.extend(_element(one, below) for one, below in inner)
    return element
