import json
from dataclasses import fields

import pytest

from chexnet import paper
from chexnet.training import Hardware, TrainConfig

NAN, INFINITY = float("nan"), float("inf")


def test_the_defaults_are_the_papers():
    config = TrainConfig()
    assert (config.image_size, config.batch_size, config.learning_rate) == (224, 16, 0.001)
    assert config.learning_rate_decay == 0.1
    assert (config.flip, config.shift, config.contrast, config.weight_decay) == (0.5, 0, 0, 0)
    assert config.weights == "imagenet"
    assert config.findings == paper.PATHOLOGIES
    assert TrainConfig(task="pneumonia").findings == ("Pneumonia",)


@pytest.mark.parametrize(
    "value",
    [
        {"image_size": 31},
        # Rows and columns of the map are rounded up by the network and down by everyone else.
        {"image_size": 255},
        {"image_size": 0},
        {"batch_size": 0},
        {"max_epochs": 0},
        {"plateau_epochs": 0},
        {"stop_epochs": 0},
        {"learning_rate": 0.0},
        {"learning_rate": NAN},
        {"learning_rate": INFINITY},
        {"learning_rate_decay": 1.0},
        {"learning_rate_decay": 0.0},
        {"weight_decay": -1.0},
        {"weight_decay": INFINITY},
        {"flip": 1.1},
        {"flip": NAN},
        {"shift": 0.5},
        {"shift": -0.1},
        {"contrast": 1.0},
        {"seed": -1},
        {"name": ""},
        {"name": "../model"},
        {"name": "a/b"},
    ],
    ids=str,
)
def test_an_impossible_recipe_does_not_exist(value):
    ((name, given),) = value.items()
    with pytest.raises(ValueError) as error:
        TrainConfig(**value)
    assert str(error.value).startswith(f"{name} is {given!r}; expected ")


@pytest.mark.parametrize("value", [{"workers": -1}, {"num_nodes": 0}])
def test_impossible_hardware_does_not_exist(value):
    with pytest.raises(ValueError, match="expected at least"):
        Hardware(**value)


@pytest.mark.parametrize("kind", [TrainConfig, Hardware])
def test_every_field_explains_itself(kind):
    for field in fields(kind):
        assert len(field.metadata["help"]) > 10, field.name


def test_a_recipe_survives_json():
    config = TrainConfig(seed=7, name="mine", shift=0.06)
    assert TrainConfig(**json.loads(json.dumps(config.to_dict()))) == config
