import hashlib
import http.server
import os
import pickle
import random
import threading
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from chexnet.models import (
    DenseNet121,
    Wang2017,
    WeightsMismatch,
    Yao2017,
    imagenet_state,
    load_state,
    read_checkpoint,
    read_state,
)


def equal(state, other):
    return state.keys() == other.keys() and all(torch.equal(state[key], other[key]) for key in state)


def as_arnoweng(state):
    """Names of the best-known CheXNet checkpoint: DataParallel, torchvision 0.2, classifier in a list."""
    renamed = {}
    for key, value in state.items():
        if key.endswith("num_batches_tracked"):
            continue
        old = key.replace("classifier.", "classifier.0.")
        for layer in ("norm1", "norm2", "conv1", "conv2"):
            old = old.replace(f".{layer}.", f".{layer[:-1]}.{layer[-1]}.")
        renamed[f"module.densenet121.{old}"] = value
    renamed["module.densenet121.classifier.0.weight"] = state["classifier.weight"][:, :, 0, 0]
    return renamed


def test_the_well_known_checkpoint_loads_under_its_old_names(network, tmp_path):
    old = as_arnoweng(network.state_dict())
    assert "module.densenet121.features.denseblock1.denselayer1.norm.1.running_mean" in old
    torch.save({"epoch": 3, "state_dict": old, "best_loss": 0.5}, tmp_path / "model.pth.tar")
    copied = DenseNet121(14)
    load_state(copied, read_state(tmp_path / "model.pth.tar"))
    ours, theirs = network.state_dict(), copied.state_dict()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours if "num_batches_tracked" not in key)


def test_a_checkpoint_before_todays_file_format_loads(network, tmp_path):
    torch.save(network.state_dict(), tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert equal(read_state(tmp_path / "old.pth"), network.state_dict())


@pytest.mark.parametrize("prefix", ["network.", "model.", "module.", "module.model."])
def test_a_wrapped_network_loads(network, tmp_path, prefix):
    torch.save({f"{prefix}{key}": value for key, value in network.state_dict().items()}, tmp_path / "w.pth")
    assert equal(read_state(tmp_path / "w.pth"), network.state_dict())


def test_the_trunk_loads_from_weights_for_other_labels(network):
    imagenet = DenseNet121(1000, generator=torch.Generator().manual_seed(9)).state_dict()
    imagenet["classifier.weight"] = imagenet["classifier.weight"][:, :, 0, 0]
    chexnet = DenseNet121(14)
    head = chexnet.classifier.weight.clone()
    load_state(chexnet, imagenet, trunk_only=True)
    assert torch.equal(chexnet.features.conv0.weight, imagenet["features.conv0.weight"])
    assert torch.equal(chexnet.classifier.weight, head)


def mismatches():
    def missing(state):
        del state["features.conv0.weight"]
        return "1 missing: features.conv0.weight"

    def unexpected(state):
        state["features.conv9.weight"] = torch.zeros(1)
        return "1 unexpected: features.conv9.weight"

    def misshapen(state):
        state["classifier.weight"] = torch.zeros(15, 1024)
        return "1 of another shape: classifier.weight (15, 1024, 1, 1), expected (14, 1024, 1, 1)"

    def everything(state):
        for key in list(state):
            state[f"x.{key}"] = state.pop(key)
        return "features.conv0.weight"

    return [missing, unexpected, misshapen, everything]


@pytest.mark.parametrize("damage", mismatches())
def test_a_key_that_does_not_match_is_named_and_nothing_is_loaded(network, damage):
    state = {key: value.clone() for key, value in network.state_dict().items()}
    named = damage(state)
    fresh = DenseNet121(14, generator=torch.Generator().manual_seed(7))
    before = {key: value.clone() for key, value in fresh.state_dict().items()}
    with pytest.raises(WeightsMismatch) as error:
        load_state(fresh, state)
    assert named in str(error.value)
    assert "\n" not in str(error.value)
    assert equal(fresh.state_dict(), before)


def test_the_trunk_takes_no_keys_of_another_network(network):
    state = dict(network.state_dict()) | {"fc.weight": torch.zeros(1)}
    with pytest.raises(WeightsMismatch, match=r"1 unexpected: fc\.weight"):
        load_state(DenseNet121(14), state, trunk_only=True)


def test_two_tensors_for_one_weight_are_refused(tmp_path):
    torch.save({"a.weight": torch.zeros(1), "module.a.weight": torch.ones(1)}, tmp_path / "two.pth")
    with pytest.raises(ValueError, match=r"two\.pth: two tensors for a\.weight"):
        read_state(tmp_path / "two.pth")


class Trap:
    """Unpickled, it leaves a file behind."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("save", [torch.save, lambda content, path: path.write_bytes(pickle.dumps(content))])
def test_code_in_a_checkpoint_is_refused_and_not_run(tmp_path, save):
    save({"state_dict": {"features.conv0.weight": Trap(tmp_path / "sprung")}}, tmp_path / "trap.pth")
    with pytest.raises(ValueError, match=r"trap\.pth: not a readable checkpoint of plain tensors"):
        read_state(tmp_path / "trap.pth")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", bytes(1000), b"PK\x03\x04" + bytes(60)])
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path, content):
    (tmp_path / "x.pth").write_bytes(content)
    with pytest.raises(ValueError, match=r"x\.pth: not a readable checkpoint"):
        read_state(tmp_path / "x.pth")


@pytest.mark.parametrize("content", [3, [torch.zeros(1)], {}, {"epoch": 3}, {"state_dict": 7}])
def test_a_checkpoint_without_weights_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "x.pth")
    with pytest.raises(ValueError, match="expected a state_dict of tensors, found"):
        read_state(tmp_path / "x.pth")


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("zipped", [True, False])
def test_a_damaged_checkpoint_gives_weights_or_a_refusal_but_no_other_error(tmp_path, zipped):
    torch.save(
        {"a.weight": torch.zeros(3), "b": torch.ones(2, 2)},
        tmp_path / "whole.pth",
        _use_new_zipfile_serialization=zipped,
    )
    whole = (tmp_path / "whole.pth").read_bytes()
    random.seed(0)
    refused = 0
    for _ in range(300):
        damaged = bytearray(whole[: random.choice([len(whole), random.randrange(len(whole))])])
        for _ in range(min(len(damaged), 3)):
            damaged[random.randrange(len(damaged))] = random.randrange(256)
        (tmp_path / "damaged.pth").write_bytes(damaged)
        try:
            read_state(tmp_path / "damaged.pth")
        except ValueError as error:
            refused += "damaged.pth" in str(error)
    assert refused > 100


def test_a_checkpoint_tells_its_hash_and_all_of_its_content(tmp_path):
    torch.save({"state_dict": {"a": torch.zeros(1)}, "note": "kept"}, tmp_path / "x.pth")
    checkpoint = read_checkpoint(tmp_path / "x.pth")
    assert checkpoint.content["note"] == "kept"
    assert checkpoint.sha256 == hashlib.sha256((tmp_path / "x.pth").read_bytes()).hexdigest()


class Website(NamedTuple):
    file: Path
    url: str


@pytest.fixture
def website(tmp_path, monkeypatch):
    """A local server with weights under a name that carries their hash; torch's cache in a fresh place."""
    folder = tmp_path / "site"
    folder.mkdir()
    torch.save({"features.denseblock1.denselayer1.norm.1.weight": torch.arange(3.0)}, folder / "weights.pth")
    content = (folder / "weights.pth").read_bytes()
    name = f"densenet121-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    (folder / "weights.pth").rename(folder / name)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    handler = partial(_Silent, directory=folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Website(folder / name, f"http://127.0.0.1:{server.server_port}/{name}")
    server.shutdown()
    server.server_close()


class _Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def cached(tmp_path, website):
    return tmp_path / "cache" / "hub" / "checkpoints" / website.file.name


def test_imagenet_weights_come_from_the_url_once_and_then_from_the_cache(website, tmp_path):
    assert imagenet_state(website.url)["features.denseblock1.denselayer1.norm1.weight"].tolist() == [0, 1, 2]
    assert cached(tmp_path, website).is_file()
    website.file.unlink()
    assert imagenet_state(website.url)["features.denseblock1.denselayer1.norm1.weight"].tolist() == [0, 1, 2]


def test_a_download_with_the_wrong_hash_is_not_used_nor_kept(website, tmp_path):
    torch.save({"features.conv0.weight": torch.zeros(1)}, website.file)
    with pytest.raises(ValueError, match=r"has SHA-256 .*; expected .* nothing was loaded"):
        imagenet_state(website.url)
    assert not cached(tmp_path, website).exists()


def test_a_cached_file_with_the_wrong_hash_is_not_used(website, tmp_path):
    cached(tmp_path, website).parent.mkdir(parents=True)
    torch.save({"features.conv0.weight": Trap(tmp_path / "sprung")}, cached(tmp_path, website))
    with pytest.raises(ValueError, match="has SHA-256"):
        imagenet_state(website.url)
    assert not (tmp_path / "sprung").exists()


def test_a_page_that_is_gone_is_a_connection_error_that_says_what_to_do(website):
    website.file.unlink()
    with pytest.raises(ConnectionError, match=r"404.*`weights` none"):
        imagenet_state(website.url)


def test_offline_is_a_connection_error_that_says_what_to_do(website, tmp_path):
    # Port 1 of this machine: refused at once, as without a network.
    with pytest.raises(ConnectionError) as error:
        imagenet_state(f"http://127.0.0.1:1/{website.file.name}")
    assert str(tmp_path / "cache") in str(error.value)
    assert "`weights` none" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("network", "url"),
    [
        (DenseNet121, "https://download.pytorch.org/models/densenet121-a639ec97.pth"),
        (Wang2017, "https://download.pytorch.org/models/resnet50-0676ba61.pth"),
        (Yao2017, "https://download.pytorch.org/models/densenet121-a639ec97.pth"),
    ],
)
def test_the_url_is_torchvisions_and_carries_a_hash(network, url):
    assert network.imagenet_url == url


def test_imagenet_weights_of_resnet50_load_by_name_under_a_fresh_head(tmp_path):
    trained = Wang2017(1, generator=torch.Generator().manual_seed(9))
    # As torchvision saves it: no transition layer, a classifier of 1,000 outputs named fc.
    imagenet = {
        key: value
        for key, value in trained.state_dict().items()
        if not key.startswith(("transition.", "classifier."))
    }
    torch.save(
        imagenet | {"fc.weight": torch.zeros(1000, 2048), "fc.bias": torch.zeros(1000)}, tmp_path / "r.pth"
    )
    network = Wang2017(14, generator=torch.Generator().manual_seed(1))
    head = network.classifier.weight.clone(), network.transition.conv.weight.clone()
    load_state(network, read_state(tmp_path / "r.pth"), trunk_only=True)
    assert torch.equal(network.layer4[2].conv3.weight, trained.layer4[2].conv3.weight)
    assert torch.equal(network.classifier.weight, head[0])
    assert torch.equal(network.transition.conv.weight, head[1])
    with pytest.raises(WeightsMismatch, match="do not fit DenseNet121"):
        load_state(DenseNet121(14), read_state(tmp_path / "r.pth"), trunk_only=True)


def test_the_encoder_loads_from_weights_of_densenet121(network):
    yao = Yao2017(14)
    load_state(yao, network.state_dict(), trunk_only=True)
    assert torch.equal(yao.features.conv0.weight, network.features.conv0.weight)
