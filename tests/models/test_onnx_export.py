import copy
import getpass
import socket
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, numpy_helper

import chexnet
from chexnet.models import ExportMismatch, export_onnx, onnx_export, round_to_float16


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).normal(size=(3, 3, 64, 64)).astype(np.float32)


@pytest.fixture(scope="module")
def released(network):
    return round_to_float16(network)


@pytest.fixture(scope="module")
def exported(released, images, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.onnx"
    difference = export_onnx(released, path, metadata={"chexnet": '{"é": 1}', "more": "x"}, images=images)
    return path, difference


@pytest.fixture
def graph_as_exported(exported, monkeypatch):
    """Spares the tests of what comes after the tracing the twenty seconds that it takes."""
    model = onnx.load(exported[0])
    del model.metadata_props[:]
    monkeypatch.setattr(onnx_export, "_to_onnx", lambda network, size: copy.deepcopy(model))
    return model


def session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def test_the_file_gives_torchs_logits_and_maps_for_any_batch(exported, released, images):
    path, difference = exported
    found = session(path)
    assert [entry.name for entry in found.get_inputs()] == ["image"]
    assert [entry.name for entry in found.get_outputs()] == ["logits", "maps"]
    for batch in (1, 2, 3):
        logits, maps = found.run(["logits", "maps"], {"image": images[:batch]})
        with torch.inference_mode():
            expected = released(torch.from_numpy(images[:batch]))
        np.testing.assert_allclose(logits, expected.logits.numpy(), atol=onnx_export.TOLERANCE, rtol=0)
        # Maps are averaged into logits, and are larger than they are.
        np.testing.assert_allclose(maps, expected.maps.numpy(), atol=10 * onnx_export.TOLERANCE, rtol=1e-4)
    assert 0 <= difference <= onnx_export.TOLERANCE


def test_the_file_carries_its_metadata(exported):
    assert session(exported[0]).get_modelmeta().custom_metadata_map == {"chexnet": '{"é": 1}', "more": "x"}


def test_the_file_says_nothing_of_the_machine(exported):
    content = exported[0].read_bytes()
    package = Path(chexnet.__file__).parent
    for trace in (str(package), str(package.parent), str(Path.home()), str(Path(torch.__file__).parent)):
        assert trace.encode() not in content
    assert b"site-packages" not in content
    assert b".py" not in content
    for name in (socket.gethostname(), getpass.getuser()):
        assert len(name) < 6 or name.encode() not in content


def test_the_file_is_half_as_large_as_its_weights(exported):
    # 6,968,206 parameters, two bytes each, and a graph of a few hundred nodes.
    assert exported[0].stat().st_size < 15e6


def test_weights_are_stored_in_two_bytes_without_loss(exported, released):
    stored = [
        numpy_helper.to_array(tensor)
        for tensor in onnx.load(exported[0]).graph.initializer
        if tensor.data_type == TensorProto.FLOAT16
    ]
    by_shape = {}
    for tensor in stored:
        by_shape.setdefault(tensor.shape, []).append(tensor.astype(np.float32))
    convolutions = [module for module in released.modules() if isinstance(module, torch.nn.Conv2d)]
    assert len(stored) == len(convolutions) == 121
    for convolution in convolutions:
        weight = convolution.weight.detach().numpy()
        assert any(np.array_equal(weight, other) for other in by_shape[weight.shape])


def test_rounding_moves_logits_less_than_a_thousandth(network, released, images):
    with torch.inference_mode():
        before, after = network(torch.from_numpy(images)).logits, released(torch.from_numpy(images)).logits
    # float16 keeps eleven bits: 121 layers of errors of 2e-4 of a weight, which mostly cancel.
    assert 0 < float((before - after).abs().max()) < 5e-3 * float(before.abs().max())


def test_rounding_leaves_the_network_itself_alone(network):
    before = copy.deepcopy(network.state_dict())
    round_to_float16(network)
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_a_tampered_graph_is_not_written(graph_as_exported, released, images, tmp_path):
    bias = next(t for t in graph_as_exported.graph.initializer if t.name.endswith("classifier.bias"))
    bias.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bias) + np.float32(2e-4), bias.name))
    with pytest.raises(ExportMismatch, match=r"differ by 2\.\d+e-04 on 3 images.*not written"):
        export_onnx(released, tmp_path / "model.onnx", metadata={}, images=images)
    assert list(tmp_path.iterdir()) == []


def test_a_network_that_gives_no_numbers_is_not_written(graph_as_exported, released, images, tmp_path):
    broken = copy.deepcopy(released)
    broken.classifier.bias.data[3] = float("nan")
    with pytest.raises(ExportMismatch, match="differ by nan"):
        export_onnx(broken, tmp_path / "model.onnx", metadata={}, images=images)
    assert list(tmp_path.iterdir()) == []


def test_without_an_image_there_is_no_proof_and_no_file(graph_as_exported, released, images, tmp_path):
    with pytest.raises(ExportMismatch):
        export_onnx(released, tmp_path / "model.onnx", metadata={}, images=images[:0])
    assert list(tmp_path.iterdir()) == []


def test_an_export_leaves_the_training_network_alone(graph_as_exported, released, images, tmp_path):
    training = copy.deepcopy(released).train()
    export_onnx(training, tmp_path / "model.onnx", metadata={}, images=images)
    assert training.training
