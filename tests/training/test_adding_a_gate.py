"""The gate as a part of a model file: nothing else of the file moves."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

import chexnet
from chexnet.classifier.classifier import DEFAULT_MODEL
from chexnet.classifier.metadata import reference_input
from chexnet.models import gate_network
from chexnet.models.gate_network import (
    GATE_SIZE,
    GateNetwork,
    add_gate_graph,
    gate_graph,
    gate_input,
    shipped_gate,
    shrinking,
)
from chexnet.radiograph import Preprocessing, Radiograph, network_input
from chexnet.training import attach_gate as gate_training
from chexnet.training.attach_gate import add_gate


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.concatenate([reference_input(224), -reference_input(224)])


def session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options)


def test_logits_maps_and_card_stay_what_they_were(gated_model: Path, images: np.ndarray) -> None:
    before, after = chexnet.load(DEFAULT_MODEL, threads=1), chexnet.load(gated_model, threads=1)
    for old, new in zip(before.run(images), after.run(images), strict=True):
        np.testing.assert_array_equal(old, new)
    assert after.metadata.findings == before.metadata.findings
    assert after.metadata.training == before.metadata.training
    assert (after.metadata.name, after.metadata.version) == (before.metadata.name, before.metadata.version)


def test_a_second_gate_takes_the_place_of_the_first(gated_model: Path, tmp_path: Path) -> None:
    again = add_gate(gated_model, tmp_path / "again.onnx")
    assert again.read_bytes() == gated_model.read_bytes()


@pytest.mark.parametrize("size", [32, 64, 100, 224])
def test_a_model_of_any_input_size_computes_what_the_gate_computes_alone(size: int) -> None:
    preprocessing = Preprocessing(size=size, mean=(0.3, 0.4, 0.5), std=(0.2, 0.3, 0.4))
    shape = ["batch", 3, size, size]
    ends = [onnx.helper.make_tensor_value_info(name, 1, shape) for name in ("image", "same")]
    node = onnx.helper.make_node("Identity", ["image"], ["same"])
    model = onnx.helper.make_model(
        onnx.helper.make_graph([node], "same", ends[:1], ends[1:]),
        opset_imports=[onnx.helper.make_opsetid("", 20)],
        ir_version=10,
    )
    gate = shipped_gate().model
    add_gate_graph(model, gate, preprocessing)
    onnx.checker.check_model(model)
    grey = np.random.default_rng(0).uniform(size=(3, size + 7, size + 20)).astype(np.float32)
    films = [Radiograph(one, "film", "PNG") for one in grey]
    inputs = np.stack([network_input(film, preprocessing) for film in films])
    (inside,) = session(model).run(["gate"], {"image": inputs})
    (alone,) = session(gate).run(["gate"], {"grey": gate_input(inputs, preprocessing)})
    np.testing.assert_allclose(inside, alone, atol=1e-4)


def test_the_file_computes_what_torch_computes() -> None:
    torch.manual_seed(0)
    network = GateNetwork(3).train()
    with torch.no_grad():
        network(torch.rand(16, GATE_SIZE, GATE_SIZE))
    for parameter in network.parameters():
        parameter.data = parameter.data.half().float()
    grey = torch.rand(4, GATE_SIZE, GATE_SIZE)
    (found,) = session(gate_graph(network)).run(["gate"], {"grey": grey.numpy()})
    with torch.inference_mode():
        expected = network.eval()(grey).numpy()
    # Norms are folded in before weights are rounded, so the last of eleven bits may differ.
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_shrinking_keeps_grey_and_mean() -> None:
    shrink = shrinking(224)
    np.testing.assert_allclose(shrink.sum(axis=1), 1, atol=1e-6)
    picture = np.random.default_rng(0).uniform(size=(224, 224)).astype(np.float32)
    assert (shrink @ picture @ shrink.T).mean() == pytest.approx(picture.mean(), abs=2e-3)


def test_brightness_and_contrast_do_not_matter() -> None:
    grey = torch.rand(2, GATE_SIZE, GATE_SIZE)
    torch.testing.assert_close(
        gate_network.standardised(0.2 + 0.7 * grey), gate_network.standardised(grey), atol=0.05, rtol=0
    )


def test_the_shipped_gate_is_small() -> None:
    assert Path(gate_network.__file__).with_name("gate.onnx").stat().st_size <= 300_000


def test_a_gate_that_computes_something_else_inside_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = np.zeros((1, GATE_SIZE, GATE_SIZE), np.float32)
    monkeypatch.setattr(gate_training, "gate_input", lambda images, preprocessing: nothing)
    with pytest.raises(ValueError, match="its gate gives"):
        add_gate(DEFAULT_MODEL, tmp_path / "gated.onnx")
    assert list(tmp_path.iterdir()) == []


def test_the_embedded_model_keeps_its_gate_when_the_gate_is_added_again(
    gated_model: Path, images: np.ndarray
) -> None:
    """The shipped file was made by an earlier writer of the same network."""
    before, after = chexnet.load(DEFAULT_MODEL, threads=1), chexnet.load(gated_model, threads=1)
    np.testing.assert_allclose(after.kinds(images), before.kinds(images), rtol=0, atol=1e-5)
    assert after.metadata.gate == before.metadata.gate
