"""The OpenAPI document: complete, with examples, and kept to under generated requests."""

import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from real_server import Serving

from chexnet.classifier import Classifier
from chexnet.service import Limits, ServiceConfig
from chexnet.service.schemas import PredictionSchema


@pytest.fixture(scope="module")
def document(service: httpx.Client) -> dict:
    return service.get("/openapi.json").json()


def _references(node: object) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if "$ref" in node else set()
        return own.union(*(_references(value) for value in node.values()), set())
    return set().union(*(_references(value) for value in node)) if isinstance(node, list) else set()


def test_every_reference_leads_somewhere(document: dict) -> None:
    for reference in _references(document):
        node = document
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]


def test_errors_have_one_schema(document: dict) -> None:
    for path in document["paths"].values():
        for operation in path.values():
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    (media_type,) = answer["content"]
                    assert media_type == "application/problem+json"
                    assert answer["content"][media_type]["schema"] == {
                        "$ref": "#/components/schemas/ProblemSchema"
                    }
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_every_operation_is_summarised_and_described(document: dict) -> None:
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert operation["summary"], path
            assert operation["description"], path


def test_the_examples_are_valid(document: dict) -> None:
    answer = document["paths"]["/v1/predictions"]["post"]["responses"]["201"]
    examples = answer["content"]["application/json"]["examples"]
    PredictionSchema.model_validate(examples["one image"]["value"])
    PredictionSchema.model_validate(examples["a form"]["value"]["predictions"][0])
    again = document["paths"]["/v1/predictions/{id}"]["get"]["responses"]["200"]
    assert again["content"]["application/json"]["example"] == examples["one image"]["value"]


def test_keys_are_part_of_the_document_where_they_are_needed(
    serving: Serving, classifier: Classifier, document: dict
) -> None:
    assert "securitySchemes" not in document["components"]
    with serving(classifier, ServiceConfig(api_keys=("correct-horse-battery",))) as client:
        locked = client.get("/openapi.json").json()
    assert set(locked["components"]["securitySchemes"]) == {"HTTPBearer", "APIKeyHeader"}
    assert "401" in locked["paths"]["/v1/model"]["get"]["responses"]


CONFIGURATION = """
[[operations]]
include-name = "POST /v1/predictions"
# No schema can say which bytes are a film of a readable size.
checks.positive_data_acceptance.expected-statuses = ["2xx", 422]

[[operations]]
include-name = "GET /v1/predictions"
# One of the two must be there, and not every service finds by instance.
checks.positive_data_acceptance.expected-statuses = ["2xx", 403, 422]

[[operations]]
include-method = "GET"
include-path-regex = "/v1/predictions/.*"
parameters = {{ "path.id" = "{id}", "path.finding" = "Mass" }}
"""


@pytest.mark.parametrize("examples", [10, pytest.param(300, marks=pytest.mark.slow)])
def test_schemathesis_finds_no_failure(
    serving: Serving, classifier: Classifier, png: bytes, tmp_path: Path, examples: int
) -> None:
    with serving(classifier, ServiceConfig(limits=Limits(megapixels=4))) as client:
        answer = client.post("/v1/predictions", content=png, headers={"Content-Type": "image/png"})
        (tmp_path / "schemathesis.toml").write_text(CONFIGURATION.format(id=answer.json()["id"]))
        command = [
            *(
                sys.executable,
                "-m",
                "schemathesis.cli",
                "--no-color",
                "run",
                str(client.base_url.join("/openapi.json")),
            ),
            *("--checks", "all", "--max-examples", str(examples), "--seed", "1"),
            *("--phases", "examples,coverage,fuzzing", "--warnings", "off"),
        ]
        finished = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert finished.returncode == 0, finished.stdout[-6000:] + finished.stderr[-2000:]
    assert "No issues found" in finished.stdout
