"""A checkpoint from elsewhere becomes a model file that says what it is not."""

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import chexnet
from chexnet.classifier import verify
from chexnet.cli import main
from chexnet.models import DenseNet121
from chexnet.models.importing import PRESETS
from chexnet.paper import IMAGENET_MEAN, PATHOLOGIES
from chexnet.training.imported import ImportOptions, import_model


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Three outputs under torchvision's names."""
    torch.manual_seed(0)
    network = DenseNet121(3).eval()
    path = tmp_path_factory.mktemp("weights") / "three.pt"
    torch.save({"model_state_dict": network.state_dict()}, path)
    return path


def run(*arguments: object):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_the_command_line_makes_a_file_that_predicts_and_says_what_it_is_not(weights, tmp_path, example_film):
    output = tmp_path / "three.onnx"
    flags = ["--findings", "Mass,Edema,Fracture", "--image-size", "64", "--input-range=-1,1"]
    result = run("model", "import", weights, *flags, "-o", output)
    assert result.exit_code == 0, result.output
    assert "layout        torchvision, timm" in result.output
    assert f"wrote {output}: not calibrated, not tested" in result.output
    assert all(check.holds for check in verify(output))
    prediction = chexnet.load(output, threads=1).predict(example_film)
    assert prediction.notes == (
        "the model three is not calibrated, not tested; its probabilities are not to be relied on",
    )
    assert [finding.finding for finding in prediction.findings] == ["Mass", "Edema", "Fracture"]
    assert all(finding.present is None and not finding.validated for finding in prediction.findings)
    shown = run("predict", example_film, "--model", output).output
    assert "not calibrated, not tested" in shown and shown.count("too few to tell") == 3
    card = run("model", "info", output).output
    assert "standing      the model three is not calibrated, not tested" in card
    assert "imported      layout: torchvision, timm" in card
    preprocessing = chexnet.load(output, threads=1).metadata.preprocessing
    assert (preprocessing.size, preprocessing.mean, preprocessing.std) == (64, (0.5,) * 3, (0.5,) * 3)


def test_a_checkpoint_of_train_says_all_of_itself(finished, tmp_path):
    made = import_model(finished.folder / "best.ckpt", tmp_path / "again.onnx")
    assert (made.layout, made.findings) == ("chexnet", ("Pneumonia",))
    before, after = chexnet.load(finished.model, threads=1), chexnet.load(made.path, threads=1)
    image = np.random.default_rng(0).normal(size=(2, 3, 32, 32)).astype(np.float32)
    np.testing.assert_allclose(after.run(image)[0], before.run(image)[0], atol=1e-6)
    assert after.metadata.preprocessing == before.metadata.preprocessing
    recipe = after.metadata.training["recipe"]
    assert recipe == before.metadata.training["recipe"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "does not say what its 3 outputs mean; name them, in their order, by `findings` or a `preset`"),
        ({"findings": "A,B"}, "2 findings for a network with 3 outputs"),
        ({"findings": "A,B,A"}, "expected one different name"),
        ({"findings": "A,B,C"}, "does not say what its network was fed; say it by `image_size`"),
        ({"findings": "A,B,C", "image_size": 64, "mean": "0.5"}, "say it by `image_size`"),
        ({"findings": "A,B,C", "image_size": 64, "mean": "a,b", "std": "1"}, "mean is 'a,b'; expected 3 num"),
        ({"findings": "A,B,C", "image_size": 64, "input_range": "1,0"}, "expected black before white"),
        ({"preset": "arnoweng"}, "14 findings for a network with 3 outputs"),
    ],
)
def test_nothing_is_assumed(weights, tmp_path, options, said):
    with pytest.raises(ValueError, match=said):
        import_model(weights, tmp_path / "model.onnx", ImportOptions(**options))
    assert list(tmp_path.iterdir()) == []


def test_impossible_options():
    with pytest.raises(ValueError, match="preset is 'nobody'; expected one of arnoweng"):
        ImportOptions(preset="nobody")
    with pytest.raises(ValueError, match="but not both"):
        ImportOptions(mean="0.5", input_range="0,1")


def test_presets_say_what_is_known_and_what_is_not():
    for name, preset in PRESETS.items():
        facts = preset.facts()
        assert facts["preset"] == name
        assert facts["licence"] and facts["contamination"] and facts["split"] and facts["auroc"]
        assert len(set(preset.findings)) == len(preset.findings)
    assert PRESETS["arnoweng"].findings == PATHOLOGIES
    assert PRESETS["arnoweng"].preprocessing.mean == IMAGENET_MEAN


def test_the_contamination_of_the_best_known_checkpoint_is_as_stated(data_dir):
    official = set((data_dir / "chestxray14" / "test_list.txt").read_text().split())
    lines = (data_dir / "splits" / "arnoweng" / "train_list.txt").read_text().splitlines()
    trained = {line.split()[0] for line in lines if line.strip()}
    seen = len(official & trained)
    assert f"{seen:,} of the {len(official):,} official test images" in PRESETS["arnoweng"].contamination
    assert f"({seen / len(official):.1%})".replace("%", " %") in PRESETS["arnoweng"].contamination
