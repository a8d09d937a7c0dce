import copy
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from monai.networks.nets.resnet import ResNet as MonaiResNet
from references import log_sum_exp_by_places
from torch.nn import functional

from chexnet.models.wang2017 import LSE_R, Wang2017, log_sum_exp_pooling

BATCH_STATISTICS = ("weight", "bias", "running_mean", "running_var")


def torchvision_names():
    """Parameters of torchvision's resnet50 without its classifier, from He et al.'s table 1."""
    names = {}

    def norm(name, channels):
        names.update({f"{name}.{kind}": (channels,) for kind in BATCH_STATISTICS})
        names[f"{name}.num_batches_tracked"] = ()

    names["conv1.weight"] = (64, 3, 7, 7)
    norm("bn1", 64)
    channels = 64
    for stage, (blocks, inner) in enumerate(((3, 64), (4, 128), (6, 256), (3, 512)), start=1):
        for block in range(blocks):
            at = f"layer{stage}.{block}"
            shapes = ((inner, channels, 1, 1), (inner, inner, 3, 3), (4 * inner, inner, 1, 1))
            for number, shape in enumerate(shapes, start=1):
                names[f"{at}.conv{number}.weight"] = shape
                norm(f"{at}.bn{number}", shape[0])
            if block == 0:
                names[f"{at}.downsample.0.weight"] = (4 * inner, channels, 1, 1)
                norm(f"{at}.downsample.1", 4 * inner)
            channels = 4 * inner
    return names


@pytest.fixture(scope="module")
def network():
    """Random weights and the batch statistics of random images, so that no norm is the identity."""
    generator = torch.Generator().manual_seed(0)
    network = Wang2017(14, generator=generator).train()
    with torch.no_grad():
        network(torch.randn(4, 3, 64, 64, generator=generator))
        for norm in (module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)):
            norm.weight.uniform_(0.5, 1.5, generator=generator)
            norm.bias.normal_(0, 0.1, generator=generator)
        network.classifier.weight.normal_(0, 0.02, generator=generator)
        network.classifier.bias.normal_(0, 1, generator=generator)
    return network.eval()


@pytest.fixture(scope="module")
def images():
    return torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(1))


def monai_twin(network):
    """MONAI's ResNet-50 with the same weights; the unit matrix for a classifier shows its features."""
    twin = MonaiResNet(
        *("bottleneck", [3, 4, 6, 3], [64, 128, 256, 512]),
        spatial_dims=2,
        conv1_t_stride=2,
        bias_downsample=False,
        num_classes=2048,
    )
    state = {
        key: value
        for key, value in network.state_dict().items()
        if not key.startswith(("transition.", "classifier."))
    }
    twin.load_state_dict(state | {"fc.weight": torch.eye(2048), "fc.bias": torch.zeros(2048)})
    return twin


def test_parameter_names_and_shapes_of_the_trunk_are_torchvisions(network):
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    own = {key: shapes.pop(key) for key in list(shapes) if key.startswith(("transition.", "classifier."))}
    assert shapes == torchvision_names()
    assert own["transition.conv.weight"] == (2048, 2048, 1, 1)
    assert own["classifier.weight"] == (14, 2048, 1, 1)
    # torchvision's resnet50 has 25,557,032 parameters, of which ImageNet's classifier has 2,049,000.
    trunk = sum(
        math.prod(shape) for key, shape in shapes.items() if not key.endswith(("mean", "var", "tracked"))
    )
    assert trunk == 25_557_032 - 2_049_000


def test_the_trunk_agrees_with_monais_network(network, images):
    twin = monai_twin(network).eval()
    with torch.inference_mode():
        ours, theirs = network.trunk(images).mean(dim=(2, 3)), twin(images)
        torch.testing.assert_close(ours, theirs, atol=1e-5 * float(theirs.abs().max()), rtol=0)


def test_a_training_step_of_the_trunk_agrees_with_monais(network, images):
    ours, twin = copy.deepcopy(network).train(), monai_twin(network).train()
    ours.trunk(images).mean(dim=(2, 3)).square().sum().backward()
    twin(images).square().sum().backward()
    gradient, other = ours.conv1.weight.grad, twin.conv1.weight.grad
    # Gradients pass the fifty layers a second time, and are compared with their own size.
    torch.testing.assert_close(gradient, other, atol=1e-4 * float(other.abs().max()), rtol=0)
    for key in ("running_mean", "running_var"):
        torch.testing.assert_close(
            getattr(ours.layer4[2].bn3, key), getattr(twin.layer4[2].bn3, key), atol=1e-5, rtol=1e-4
        )


@given(
    st.lists(st.floats(-5, 5), min_size=1, max_size=12),
    st.sampled_from([0.01, 1.0, 10.0, 50.0]),
)
def test_log_sum_exp_pooling_is_its_formula(values, r):
    pooled = log_sum_exp_pooling(torch.tensor(values, dtype=torch.float64).reshape(1, 1, 1, -1), r)
    assert float(pooled) == pytest.approx(log_sum_exp_by_places(values, r), abs=1e-9)


@given(st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=12))
def test_the_pooled_value_lies_between_average_and_maximum_and_never_overflows(values):
    pooled = float(log_sum_exp_pooling(torch.tensor(values, dtype=torch.float64).reshape(1, 1, 1, -1)))
    assert sum(values) / len(values) - 1e-8 <= pooled <= max(values) + 1e-8
    assert pooled >= max(values) - math.log(len(values)) / LSE_R - 1e-8


def test_r_decides_between_average_and_maximum():
    features = torch.randn(2, 3, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        log_sum_exp_pooling(features, 1e-6), features.mean(dim=(2, 3)), atol=1e-5, rtol=0
    )
    torch.testing.assert_close(
        log_sum_exp_pooling(features, 1e4), features.amax(dim=(2, 3)), atol=1e-3, rtol=0
    )


def test_logits_are_the_prediction_layer_on_the_pooled_transition_layer(network, images):
    with torch.inference_mode():
        features = network.feature_maps(images)
        assert float(features.min()) == 0
        pooled = [
            [log_sum_exp_by_places(channel.flatten().tolist(), LSE_R) for channel in film]
            for film in features
        ]
        weight, bias = network.classifier.weight[:, :, 0, 0], network.classifier.bias
        expected = functional.linear(torch.tensor(pooled), weight, bias)
        torch.testing.assert_close(network(images).logits, expected, atol=1e-4, rtol=1e-4)


def test_maps_are_weighted_sums_of_the_transition_layer(network, images):
    with torch.inference_mode():
        features = network.feature_maps(images)
        expected = torch.einsum("fk,bkij->bfij", network.classifier.weight[:, :, 0, 0], features)
        maps = network(images).maps
    assert maps.shape == (2, 14, 2, 3)
    torch.testing.assert_close(maps, expected, atol=1e-4, rtol=1e-4)


def test_a_map_at_one_place_plus_the_bias_is_the_logit_of_a_film_that_is_that_place_everywhere(
    network, images
):
    with torch.inference_mode():
        features = network.feature_maps(images)
        place = features[:, :, 1, 2]
        pooled = log_sum_exp_pooling(place[:, :, None, None].expand(-1, -1, 2, 3))
        logits = functional.linear(pooled, network.classifier.weight[:, :, 0, 0], network.classifier.bias)
        maps = network(images).maps
    torch.testing.assert_close(maps[:, :, 1, 2] + network.classifier.bias, logits, atol=1e-4, rtol=1e-4)


def test_the_mean_of_a_map_plus_the_bias_is_not_the_logit(network, images):
    """Why the model file must not claim it."""
    with torch.inference_mode():
        logits, maps = network(images)
        assert float((maps.mean(dim=(2, 3)) + network.classifier.bias - logits).abs().max()) > 0.1


def test_a_generator_decides_the_initial_weights():
    one, same, other = (Wang2017(1, generator=torch.Generator().manual_seed(s)) for s in (3, 3, 4))
    assert all(torch.equal(value, same.state_dict()[key]) for key, value in one.state_dict().items())
    assert not torch.equal(one.classifier.weight, other.classifier.weight)
    assert not torch.equal(one.conv1.weight, other.conv1.weight)
