"""The service with a model that has no activation maps."""

import pytest
from other_models import write_model_with_maps
from real_server import served

from chexnet.classifier import load


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    model = write_model_with_maps(tmp_path_factory.mktemp("model"), "none")
    with served(load(model)) as client:
        yield client


def test_the_card_says_that_there_are_none(client):
    assert client.get("/v1/model").json()["maps"] == "none"


def test_a_film_is_read_without_links_to_maps(client, example_film):
    answer = client.post(
        "/v1/predictions", content=example_film.read_bytes(), headers={"content-type": "image/png"}
    )
    assert answer.status_code == 201
    links = answer.json()["links"]
    assert (links["maps"], links["map"], links["overlay"]) == (None, {}, {})
    for address in ("maps", "maps/Pneumonia.png", "overlays/Pneumonia.png"):
        answer = client.get(f"{links['self']}/{address}")
        assert answer.status_code == 404
        assert answer.json()["type"] == "urn:chexnet:problem:no-maps"
        assert answer.json()["detail"] == "There are none: this model has no activation maps."
