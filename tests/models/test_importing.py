"""Weights of other projects give what an independent DenseNet-121, MONAI's, gives with them.

Each layout is written as its project writes it: same names, same wrappers, same kinds of files.
"""

import argparse
import json
import os
import pickle
import re
import struct
import sys
import types
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from chexnet.models import WeightsMismatch
from chexnet.models.importing import LAYOUTS, PRESETS, read_contents, recognise
from chexnet.models.importing.keras import KERAS_EPSILON
from chexnet.paper import PATHOLOGIES
from chexnet.radiograph import Preprocessing, Radiograph, network_input

nets = pytest.importorskip("monai.networks.nets")
OUTPUTS = 14


def other_densenet(channels: int = 3, outputs: int = OUTPUTS) -> nn.Module:
    """MONAI's, with statistics as if it had been trained."""
    torch.manual_seed(channels)
    network = nets.DenseNet121(spatial_dims=2, in_channels=channels, out_channels=outputs)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.8, 1.2)
            nn.init.uniform_(module.bias, -0.1, 0.1)
            nn.init.normal_(module.running_mean, std=0.05)
            nn.init.uniform_(module.running_var, 0.8, 1.2)
    return network.eval()


@pytest.fixture(scope="module")
def source() -> nn.Module:
    return other_densenet()


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def torchvision_names(state: dict) -> dict:
    return {
        key.replace(".layers.", ".").replace("class_layers.out.", "classifier."): value
        for key, value in state.items()
    }


def old_names(state: dict) -> dict:
    renamed = {}
    for key, value in torchvision_names(state).items():
        old = re.sub(r"(denselayer\d+\.(?:norm|conv))(\d)\.", r"\1.\2.", key)
        if not key.endswith("num_batches_tracked"):
            renamed["module.densenet121." + old.replace("classifier.", "classifier.0.")] = value
    return renamed


def write_safetensors(state: dict, path: Path) -> None:
    header, body = {"__metadata__": {"format": "pt"}}, b""
    for key, value in state.items():
        content = value.numpy().tobytes()
        kind = {torch.float32: "F32", torch.int64: "I64"}[value.dtype]
        header[key] = {
            "dtype": kind,
            "shape": list(value.shape),
            "data_offsets": [len(body), len(body) + len(content)],
        }
        body += content
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def pickled_whole(network: nn.Module, module: str, **attributes) -> nn.Module:
    """The network as objects of classes that nobody has, as torch.save(model) leaves it elsewhere."""
    parts = module.split(".")
    for end in range(1, len(parts) + 1):
        name = ".".join(parts[:end])
        sys.modules[name] = types.ModuleType(name)
    there = sys.modules[module]

    def rebuilt(state: dict, kind: str) -> nn.Module:
        klass = type(kind, (nn.Module,), {"__module__": module})
        klass = getattr(there, kind, klass)
        setattr(there, kind, klass)
        node = klass()
        children: dict[str, dict] = {}
        for key, value in state.items():
            head, _, rest = key.partition(".")
            if rest:
                children.setdefault(head, {})[rest] = value
            elif value.dtype.is_floating_point and head in ("weight", "bias"):
                node.register_parameter(head, nn.Parameter(value.clone()))
            else:
                node.register_buffer(head, value.clone())
        for name, child in children.items():
            node.add_module(name, rebuilt(child, "_DenseLayer" if "denselayer" in name else "Part"))
        return node

    whole = rebuilt(torchvision_names(network.state_dict()), "DenseNet")
    for name, value in attributes.items():
        setattr(whole, name, value)
    return whole


def save_whole(content: object, path: Path, module: str, **options) -> None:
    torch.save(content, path, **options)
    for name in [name for name in sys.modules if name.partition(".")[0] == module.partition(".")[0]]:
        del sys.modules[name]


WRITERS = {
    "MONAI": torch.save,
    "arnoweng, zoogzog": lambda state, path: torch.save(
        {"epoch": 3, "state_dict": old_names(state), "best_loss": np.float64(0.5), "optimizer": {}}, path
    ),
    "torchvision, timm": lambda state, path: torch.save(torchvision_names(state), path),
    "Lightning": lambda state, path: torch.save(
        {
            "pytorch-lightning_version": "2.5.0",
            "state_dict": {f"model.{key}": value for key, value in torchvision_names(state).items()}
            | {"loss.pos_weight": torch.ones(OUTPUTS)},
            "hyper_parameters": argparse.Namespace(lr=1e-3),
        },
        path,
    ),
}
WRAPPED = {
    "torch.compile": lambda state: {f"_orig_mod.{key}": value for key, value in state.items()},
    "DataParallel": lambda state: {f"module.{key}": value for key, value in state.items()},
    "backbone": lambda state: {
        key.replace("classifier.", "head.") if "classifier" in key else f"backbone.{key}": value
        for key, value in state.items()
    },
    "encoder and fc": lambda state: {
        key.replace("classifier.", "fc.") if "classifier" in key else f"net.encoder.{key}": value
        for key, value in state.items()
    },
    "features in a list": lambda state: {
        key.replace("features.", "0.").replace("classifier.", "2."): value for key, value in state.items()
    },
    **{
        f"under {key}": lambda state, key=key: {key: state, "epoch": 1}
        for key in ("model", "model_state_dict", "net", "params", "state_dict")
    },
}


def same(path: Path, source: nn.Module, images: torch.Tensor, theirs: torch.Tensor | None = None):
    """What was recognised, after its logits and maps were found to be those of the source."""
    found = recognise(read_contents(path), path.name)
    theirs = images if theirs is None else theirs
    with torch.inference_mode():
        logits, maps = found.network(images)
        features = functional.relu(source.features(theirs))
        weight = source.class_layers.out.weight
        torch.testing.assert_close(logits, source(theirs), atol=1e-5, rtol=0)
        expected = torch.einsum("kf,bfrc->bkrc", weight, features)
        torch.testing.assert_close(maps, expected, atol=1e-5, rtol=0)
    return found


@pytest.mark.parametrize("layout", WRITERS)
def test_a_layout_is_recognised_and_computes_what_its_source_does(layout, source, images, tmp_path):
    WRITERS[layout](source.state_dict(), tmp_path / "model.pt")
    found = same(tmp_path / "model.pt", source, images)
    assert found.layout == layout
    assert found.outputs == OUTPUTS
    assert found.ignored == (("loss.pos_weight",) if layout == "Lightning" else ())


@pytest.mark.parametrize("wrapper", WRAPPED)
def test_wrappers_and_prefixes_are_seen_through(wrapper, source, images, tmp_path):
    torch.save(WRAPPED[wrapper](torchvision_names(source.state_dict())), tmp_path / "model.pt")
    same(tmp_path / "model.pt", source, images)


def test_safetensors(source, images, tmp_path):
    write_safetensors(torchvision_names(source.state_dict()), tmp_path / "model.safetensors")
    assert same(tmp_path / "model.safetensors", source, images).layout == "torchvision, timm"


@pytest.mark.parametrize("zipped", [True, False])
def test_a_whole_pickled_network_of_reproduce_chexnet(source, images, tmp_path, zipped):
    module = "torchvision.models.densenet"
    content = {"model": pickled_whole(source, module), "best_loss": 0.1, "epoch": 2}
    save_whole(content, tmp_path / "checkpoint", module, _use_new_zipfile_serialization=zipped)
    found = same(tmp_path / "checkpoint", source, images)
    assert (found.layout, found.findings) == ("reproduce-chexnet", PATHOLOGIES)


def test_torchxrayvision_with_one_channel_thresholds_and_its_own_range(tmp_path):
    source = other_densenet(channels=1, outputs=18)
    # As of a network that was trained on numbers up to 1024.
    source.features.norm0.running_var *= 500**2
    module = "torchxrayvision.models"
    names = list(PRESETS["torchxrayvision"].findings)
    names[3] = ""
    thresholds = torch.linspace(0.01, 0.18, 18)
    thresholds[5] = float("nan")
    whole = pickled_whole(source, module, pathologies=names)
    whole.register_buffer("op_threshs", thresholds)
    save_whole(whole, tmp_path / "xrv.pt", module)
    grey = np.random.default_rng(0).uniform(size=(64, 64)).astype(np.float32)
    found = recognise(read_contents(tmp_path / "xrv.pt"), "xrv.pt")
    preprocessing = Preprocessing(64, found.preprocessing.mean, found.preprocessing.std)
    ours = torch.from_numpy(network_input(Radiograph(grey, "x", "PNG"), preprocessing)[None])
    theirs = torch.from_numpy((2 * grey - 1) * 1024)[None, None]
    torch.testing.assert_close(ours[:, :1], theirs, atol=1e-3, rtol=0)
    found = same(tmp_path / "xrv.pt", source, ours, ours[:, :1])
    assert found.layout == "torchxrayvision"
    assert found.findings[:5] == ("Atelectasis", "Consolidation", "Infiltration", "untrained_3", "Edema")
    assert found.thresholds[0] == pytest.approx(0.01)
    assert found.thresholds[5] is None


def keras_forward(layers: dict, images: torch.Tensor) -> torch.Tensor:
    """DenseNet121 of keras.applications, written from its source, on (rows, columns, in, out) kernels."""

    def norm(x, layer):
        gamma, beta, mean, variance = (
            torch.from_numpy(layers[layer][name])
            for name in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        scale = gamma / torch.sqrt(variance + KERAS_EPSILON)
        return (x - mean[:, None, None]) * scale[:, None, None] + beta[:, None, None]

    def conv(x, layer, stride=1, padding=0):
        kernel = torch.from_numpy(layers[layer]["kernel"].transpose(3, 2, 0, 1).copy())
        return functional.conv2d(x, kernel, stride=stride, padding=padding)

    x = functional.relu(norm(conv(functional.pad(images, (3, 3, 3, 3)), "conv1/conv", stride=2), "conv1/bn"))
    x = functional.max_pool2d(functional.pad(x, (1, 1, 1, 1)), 3, stride=2)
    for stage, blocks in ((2, 6), (3, 12), (4, 24), (5, 16)):
        for block in range(1, blocks + 1):
            name = f"conv{stage}_block{block}"
            y = functional.relu(norm(x, f"{name}_0_bn"))
            y = functional.relu(norm(conv(y, f"{name}_1_conv"), f"{name}_1_bn"))
            x = torch.cat([x, conv(y, f"{name}_2_conv", padding=1)], dim=1)
        if stage < 5:
            x = conv(functional.relu(norm(x, f"pool{stage}_bn")), f"pool{stage}_conv")
            x = functional.avg_pool2d(x, 2)
    pooled = functional.relu(norm(x, "bn")).mean(dim=(2, 3))
    head = layers["predictions"]
    return pooled @ torch.from_numpy(head["kernel"]) + torch.from_numpy(head["bias"])


def keras_layers(state: dict) -> dict[str, dict[str, np.ndarray]]:
    names = {"conv0": "conv1/conv", "norm0": "conv1/bn", "norm5": "bn"}
    parts = {"norm1": "0_bn", "conv1": "1_conv", "norm2": "1_bn", "conv2": "2_conv"}
    kinds = {
        "weight": "gamma",
        "bias": "beta",
        "running_mean": "moving_mean",
        "running_var": "moving_variance",
    }
    layers: dict[str, dict[str, np.ndarray]] = {}
    for key, value in torchvision_names(state).items():
        path, _, kind = key.rpartition(".")
        if kind == "num_batches_tracked":
            continue
        block = re.fullmatch(r"features\.denseblock(\d)\.denselayer(\d+)\.(\w+)", path)
        pool = re.fullmatch(r"features\.transition(\d)\.(norm|conv)", path)
        if block:
            layer = f"conv{int(block[1]) + 1}_block{block[2]}_{parts[block[3]]}"
        elif pool:
            layer = f"pool{int(pool[1]) + 1}_{'bn' if pool[2] == 'norm' else 'conv'}"
        else:
            layer = "predictions" if path == "classifier" else names[path.removeprefix("features.")]
        array = value.numpy()
        if array.ndim == 4:
            layers.setdefault(layer, {})["kernel"] = np.ascontiguousarray(array.transpose(2, 3, 1, 0))
        elif layer == "predictions":
            layers.setdefault(layer, {})["kernel" if kind == "weight" else "bias"] = np.ascontiguousarray(
                array.T
            )
        else:
            layers.setdefault(layer, {})[kinds[kind]] = array
    return layers


@pytest.mark.parametrize("root", ["", "model_weights/"])
def test_keras(source, images, tmp_path, root):
    h5py = pytest.importorskip("h5py")
    layers = keras_layers(source.state_dict())
    with h5py.File(tmp_path / "weights.h5", "w") as file:
        for layer, parameters in layers.items():
            for name, values in parameters.items():
                file[f"{root}{layer}/{layer}/{name}:0"] = values
    found = recognise(read_contents(tmp_path / "weights.h5"), "weights.h5")
    assert found.layout == "Keras applications"
    with torch.inference_mode():
        logits, maps = found.network(images)
        torch.testing.assert_close(logits, keras_forward(layers, images), atol=1e-5, rtol=0)
        torch.testing.assert_close(maps.mean(dim=(2, 3)) + found.network.biases(), logits, atol=1e-5, rtol=0)


class _Attack:
    def __reduce__(self):
        return os.system, ("touch /tmp/chexnet_was_attacked",)


def test_code_in_an_old_whole_network_is_not_executed(source, tmp_path):
    mark = Path("/tmp/chexnet_was_attacked")
    mark.unlink(missing_ok=True)
    module = "torchvision.models.densenet"
    content = {"model": pickled_whole(source, module), "evil": _Attack()}
    save_whole(content, tmp_path / "evil.pt", module, _use_new_zipfile_serialization=False)
    with pytest.raises(ValueError, match=r"evil\.pt: its pickle calls posix\.system, which is not on"):
        read_contents(tmp_path / "evil.pt")
    assert not mark.exists()


class _Unlisted:
    pass


_Unlisted.__module__ = "some_other_package"


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_file_is_not_executed(tmp_path, zipped):
    mark = Path("/tmp/chexnet_was_attacked")
    mark.unlink(missing_ok=True)
    torch.save({"a": _Attack()}, tmp_path / "evil.pt", _use_new_zipfile_serialization=zipped)
    with pytest.raises(ValueError, match=r"evil\.pt"):
        read_contents(tmp_path / "evil.pt")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps({"a": _Attack()}))
    with pytest.raises(ValueError, match=r"plain\.pt"):
        read_contents(tmp_path / "plain.pt")
    assert not mark.exists()


def test_a_class_that_is_on_no_list_is_named(tmp_path):
    package = types.ModuleType("some_other_package")
    package._Unlisted = _Unlisted
    sys.modules["some_other_package"] = package
    torch.save({"a": _Unlisted()}, tmp_path / "model.pt")
    del sys.modules["some_other_package"]
    with pytest.raises(ValueError, match=r"its pickle calls some_other_package\._Unlisted, which is not on"):
        read_contents(tmp_path / "model.pt")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda state: {key: value for key, value in state.items() if "norm5" not in key},
            "missing: features",
        ),
        (
            lambda state: state | {"classifier.weight": torch.zeros(14, 512)},
            r"found classifier\.weight \(14, 512\)",
        ),
        (
            lambda state: state | {"head.weight": torch.zeros(5, 7)},
            r"found classifier.weight .*head.weight \(5, 7\)",
        ),
        (lambda state: {"a.weight": torch.zeros(2, 2)}, "expected one DenseNet-121"),
        (
            lambda state: state | {"features.denseblock1.denselayer1.conv1.weight": torch.zeros(1, 1, 1, 1)},
            "of another shape: features.denseblock1.denselayer1.conv1.weight",
        ),
        (
            lambda state: state | {"features.denseblock4.denselayer17.norm1.weight": torch.zeros(4)},
            "unexpected",
        ),
    ],
)
def test_what_does_not_fit_is_named(source, tmp_path, change, said):
    torch.save(change(torchvision_names(source.state_dict())), tmp_path / "model.pt")
    with pytest.raises(WeightsMismatch, match=said):
        recognise(read_contents(tmp_path / "model.pt"), "model.pt")


@pytest.mark.parametrize(
    "content", [b"", b"text", b"PK\x03\x04 no zip", b"\x10\0\0\0\0\0\0\0{not json}", b"\x89HDF\r\n\x1a\n"]
)
def test_damaged_files_are_one_error(tmp_path, content):
    (tmp_path / "model.pt").write_bytes(content)
    with pytest.raises(ValueError, match=r"model\.pt"):
        read_contents(tmp_path / "model.pt")


def test_every_layout_has_a_test():
    tested = {*WRITERS, "reproduce-chexnet", "torchxrayvision", "Keras applications", "chexnet"}
    assert {layout.name for layout in LAYOUTS} == tested


def test_an_ordered_dict_and_half_precision(source, images, tmp_path):
    state = OrderedDict((key, value.half()) for key, value in torchvision_names(source.state_dict()).items())
    torch.save(state, tmp_path / "half.pt")
    assert recognise(read_contents(tmp_path / "half.pt"), "half.pt").outputs == OUTPUTS
