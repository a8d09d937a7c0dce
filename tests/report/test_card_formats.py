"""The model card in the forms that others read: Hugging Face Markdown and CHAI's XML."""

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

import chexnet
from chexnet.cli import main
from chexnet.findings import display_name
from chexnet.report.model_card import ModelEvaluation, chai_card, hugging_face_card, model_card

ROOT = Path(__file__).resolve().parents[2]

ELEMENTS = {
    "AppliedModelCard": "BasicInfo ReleaseInfo ModelSummary UsesAndDirections Warnings TrustIngredients "
    "KeyMetrics Resources Bibliography",
    "BasicInfo": "ModelName ModelDeveloper DeveloperContact",
    "ReleaseInfo": "ReleaseStage ReleaseDate ReleaseVersion GlobalAvailability RegulatoryApproval",
    "ModelSummary": "Summary Keywords",
    "UsesAndDirections": "IntendedUseAndWorkflow PrimaryIntendedUsers HowToUse TargetedPatientPopulation "
    "CautionedOutOfScopeSettings",
    "Warnings": "KnownRisksAndLimitations KnownBiasesOrEthicalConsiderations ClinicalRiskLevel",
    "TrustIngredients": "AISystemFacts TransparencyInformation",
    "AISystemFacts": "OutcomesAndOutputs ModelType InputDataSource OutputAndInputDataTypes "
    "DevelopmentDataCharacterization BiasMitigationApproaches OngoingMaintenance",
    "TransparencyInformation": "FundingSource StakeholdersConsulted",
    "KeyMetrics": "UsefulnessUsabilityEfficacy FairnessEquity SafetyReliability",
    "Resources": "EvaluationReferences PeerReviewedPublications PatientConsentOrDisclosure",
}
METRIC = "MetricGoal Results Interpretation TestType TestingDataDescription ValidationProcessAndJustification"
"""The sequences of elements that CHAI's schema v0.2 prescribes (mc.chai.org); none may be missing."""


@pytest.fixture(scope="module")
def model() -> chexnet.Classifier:
    return chexnet.load(threads=1)


@pytest.fixture(scope="module")
def measured(model):
    """The committed evaluation, as if it were of this very file."""
    found = ModelEvaluation.read(ROOT / "docs" / "model-card.json")
    return replace(found, model=model.identity)


def parsed(text):
    """Without the namespace, once that is checked."""
    root = ElementTree.fromstring(text.encode())
    for element in root.iter():
        namespace, _, element.tag = element.tag[1:].partition("}")
        assert namespace == "https://mc.chai.org/v0.2/schema.xsd"
    return root


@pytest.mark.parametrize("known", [True, False])
def test_the_xml_has_the_elements_of_the_schema_in_their_order(model, measured, known):
    root = parsed(chai_card(model.metadata, model.identity, measured if known else None))
    assert root.tag == "AppliedModelCard"
    for element in root.iter():
        names = [one.tag for one in element]
        if element.tag in ELEMENTS:
            assert names == ELEMENTS[element.tag].split(), element.tag
        elif element.tag in ELEMENTS["KeyMetrics"].split():
            assert names == METRIC.split(), element.tag
        elif element.tag == "Results":
            assert set(names) == {"MetricResult"}
        elif element.tag == "MetricResult":
            assert names == ["Label", "ValueJson"]
        elif element.tag != "Keywords":
            assert names == []
            assert element.text, element.tag


def test_the_xml_holds_what_was_measured(model, measured):
    root = parsed(chai_card(model.metadata, model.identity, measured))
    results = {
        one.findtext("Label"): json.loads(one.findtext("ValueJson")) for one in root.iter("MetricResult")
    }
    pneumonia = next(one for one in model.metadata.findings if one.finding == "Pneumonia").auroc
    shown = results["AUROC, Pneumonia"]
    assert (shown["estimate"], shown["lower"], shown["upper"]) == pytest.approx(
        (pneumonia.value, pneumonia.low, pneumonia.high), abs=5e-5
    )
    assert "AUROC, Pneumonia, sex F" in results
    point = measured.operating_points[model.policy]["Pneumonia"]
    assert results["Pneumonia: sensitivity"]["estimate"] == point.sensitivity.value
    assert model.identity.version in root.findtext("ReleaseInfo/ReleaseVersion")


def test_the_front_matter_is_yaml_with_a_model_index(model, measured):
    yaml = pytest.importorskip("yaml")
    text = hugging_face_card(model.metadata, model.identity, measured)
    _, front, card = text.split("---\n", 2)
    assert card.strip() == model_card(model.metadata, model.identity, measured).strip()
    content = yaml.safe_load(front)
    (entry,) = content["model-index"]
    assert entry["name"] == f"{model.identity.name} {model.identity.version}"
    own, easier = entry["results"]
    for result in (own, easier):
        # What the Hub requires of each result.
        assert {"type"} <= result["task"].keys()
        assert {"type", "name"} <= result["dataset"].keys()
        for metric in result["metrics"]:
            assert metric["type"] == "roc_auc"
            assert isinstance(metric["value"], float)
    values = {one["name"].split(" (")[0]: one["value"] for one in own["metrics"]}
    for finding in model.metadata.findings:
        expected = round(finding.auroc.value, 4)
        assert values[f"AUROC, {display_name(finding.finding)}"] == expected


def test_odd_texts_survive_the_front_matter(model):
    yaml = pytest.importorskip("yaml")
    odd = 'a: "b"\n- c # d'
    metadata = replace(model.metadata, test_data=odd)
    front = hugging_face_card(metadata, model.identity).split("---\n", 2)[1]
    assert yaml.safe_load(front)["model-index"][0]["results"][0]["dataset"]["name"] == odd


@pytest.mark.parametrize("write", [chai_card, hugging_face_card])
def test_an_evaluation_of_another_file_is_refused(model, measured, write):
    other = replace(measured, model=replace(measured.model, sha256="0" * 64))
    with pytest.raises(ValueError, match="is of the file 000000000000, the card of"):
        write(model.metadata, model.identity, other)


@pytest.mark.parametrize(
    ("form", "start"), [("markdown", "# Model card: "), ("huggingface", "---\n"), ("chai", "<?xml ")]
)
def test_the_command_prints_each_form(form, start):
    result = CliRunner().invoke(main, ["model", "card", "--format", form])
    assert result.exit_code == 0, result.output
    assert result.output.startswith(start)
