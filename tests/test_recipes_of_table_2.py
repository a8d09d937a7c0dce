"""The recipes for the columns of Table 2: they can be built, and say what to expect of them."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from chexnet.training import TrainConfig

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("chexnet_pathologies", {"network": "densenet121", "task": "pathologies", "image_size": 224}),
        ("chexnet_pneumonia", {"network": "densenet121", "task": "pneumonia", "image_size": 224}),
        ("wang2017", {"network": "wang2017", "weights": "imagenet", "image_size": 1024, "batch_size": 80}),
        ("yao2017", {"network": "yao2017", "weights": "none", "image_size": 512, "rotation": 15.0}),
    ],
)
def test_a_recipe_is_its_papers_and_says_what_to_expect(name, expected):
    recipe = importlib.import_module(f"recipes.paper.{name}").RECIPE
    assert isinstance(recipe, TrainConfig)
    assert expected.items() <= recipe.to_dict().items()
    said = ast.get_docstring(ast.parse((ROOT / "recipes" / "paper" / f"{name}.py").read_text()))
    assert f"python -m recipes.paper.{name} ChestX-ray14" in said
    assert "as an estimate" in said


def test_a_recipe_asks_for_the_folders_that_it_needs():
    command = [sys.executable, "-m", "recipes.paper.wang2017", "nowhere"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, cwd=ROOT)
    assert ended.returncode == 2
    assert "the following arguments are required: folder" in ended.stderr
