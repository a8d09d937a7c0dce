import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.networks.nets import DenseNet121 as MonaiDenseNet121
from torch.nn import functional

from chexnet.models import DenseNet121, load_state

BATCH_STATISTICS = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def torchvision_names():
    """Parameters of torchvision's densenet121, from Huang et al.'s table 1 (6, 12, 24, 16 layers)."""
    names = {"features.conv0.weight": (64, 3, 7, 7)}

    def norm(name, channels):
        names.update({f"{name}.{kind}": (channels,) for kind in BATCH_STATISTICS[:-1]})
        names[f"{name}.num_batches_tracked"] = ()

    norm("features.norm0", 64)
    channels = 64
    for block, layers in ((1, 6), (2, 12), (3, 24), (4, 16)):
        for layer in range(1, layers + 1):
            at = f"features.denseblock{block}.denselayer{layer}"
            norm(f"{at}.norm1", channels)
            names[f"{at}.conv1.weight"] = (128, channels, 1, 1)
            norm(f"{at}.norm2", 128)
            names[f"{at}.conv2.weight"] = (32, 128, 3, 3)
            channels += 32
        if block < 4:
            norm(f"features.transition{block}.norm", channels)
            names[f"features.transition{block}.conv.weight"] = (channels // 2, channels, 1, 1)
            channels //= 2
    norm("features.norm5", 1024)
    return names


def monai_twin(network):
    """MONAI's network with the same weights; only its names differ."""
    twin = MonaiDenseNet121(spatial_dims=2, in_channels=3, out_channels=network.classifier.out_channels)
    state = {
        key.replace(".norm1", ".layers.norm1")
        .replace(".norm2", ".layers.norm2")
        .replace(".conv1", ".layers.conv1")
        .replace(".conv2", ".layers.conv2")
        .replace("classifier", "class_layers.out"): value
        for key, value in network.state_dict().items()
    }
    state["class_layers.out.weight"] = state["class_layers.out.weight"][:, :, 0, 0]
    twin.load_state_dict(state)
    return twin


@pytest.fixture(scope="module")
def images():
    return torch.randn(3, 3, 64, 96, generator=torch.Generator().manual_seed(1))


def test_parameter_names_and_shapes_are_torchvisions(network):
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    assert shapes.pop("classifier.weight") == (14, 1024, 1, 1)
    assert shapes.pop("classifier.bias") == (14,)
    assert shapes == torchvision_names()


@pytest.mark.parametrize(("outputs", "parameters"), [(1000, 7_978_856), (14, 6_968_206), (1, 6_954_881)])
def test_parameters_are_as_many_as_in_the_published_networks(outputs, parameters):
    # 7,978,856 is torchvision's count with ImageNet's 1,000 classes.
    assert sum(weight.numel() for weight in DenseNet121(outputs).parameters()) == parameters


def test_evaluation_agrees_with_monais_network(network, images):
    twin = monai_twin(network).eval()
    with torch.inference_mode():
        # Float32 over 121 layers: a few units in the last of seven places of logits of order 1.
        torch.testing.assert_close(network(images).logits, twin(images), atol=1e-5, rtol=0)


def test_a_training_step_agrees_with_monais_network(network, images):
    ours, twin = copy.deepcopy(network).train(), monai_twin(network).train()
    logits, expected = ours(images).logits, twin(images)
    torch.testing.assert_close(logits, expected, atol=1e-5, rtol=0)
    logits.square().sum().backward()
    expected.square().sum().backward()
    gradient, other = ours.features.conv0.weight.grad, twin.features.conv0.weight.grad
    # Gradients pass the 121 layers a second time, and are compared with their own size.
    torch.testing.assert_close(gradient, other, atol=1e-4 * float(other.abs().max()), rtol=0)
    for key in ("running_mean", "running_var"):
        torch.testing.assert_close(getattr(ours.features.norm5, key), getattr(twin.features.norm5, key))


@settings(max_examples=8, deadline=None)
@given(
    batch=st.integers(1, 2),
    rows=st.integers(1, 3),
    columns=st.integers(1, 3),
    scale=st.floats(0, 20),
    seed=st.integers(0, 2**31),
)
def test_the_mean_of_a_map_plus_the_bias_is_the_logit(network, batch, rows, columns, scale, seed):
    generator = torch.Generator().manual_seed(seed)
    images = scale * torch.randn(batch, 3, 32 * rows, 32 * columns, generator=generator)
    with torch.inference_mode():
        logits, maps = network(images)
    assert maps.shape == (batch, 14, rows, columns)
    expected = maps.double().mean(dim=(2, 3)) + network.classifier.bias.double()
    # The average is float32's, so its error goes with the size of the maps.
    tolerance = 1e-6 * max(1.0, float(maps.abs().max()))
    torch.testing.assert_close(logits.double(), expected, atol=tolerance, rtol=0)


def test_the_head_is_global_average_pooling_and_a_linear_layer(network, images):
    with torch.inference_mode():
        pooled = functional.adaptive_avg_pool2d(network.feature_maps(images), 1).flatten(1)
        expected = functional.linear(pooled, network.classifier.weight[:, :, 0, 0], network.classifier.bias)
        torch.testing.assert_close(network(images).logits, expected)


def test_maps_are_the_weighted_sums_of_section_6(network, images):
    with torch.inference_mode():
        features = network.feature_maps(images)
        weights = network.classifier.weight[:, :, 0, 0]
        expected = torch.stack(
            [sum(w * f for w, f in zip(row, features.unbind(1), strict=True)) for row in weights], dim=1
        )
        # The order of 1,024 summands.
        torch.testing.assert_close(network(images).maps, expected, atol=1e-4, rtol=1e-4)


def test_memory_layout_changes_nothing(network, images):
    last = copy.deepcopy(network).to(memory_format=torch.channels_last)
    with torch.inference_mode():
        logits = last(images.contiguous(memory_format=torch.channels_last)).logits
        torch.testing.assert_close(logits, network(images).logits, atol=1e-5, rtol=0)


def test_an_images_logits_do_not_depend_on_its_batch(network, images):
    with torch.inference_mode():
        alone = torch.cat([network(image[None]).logits for image in images])
        torch.testing.assert_close(network(images).logits, alone, atol=1e-5, rtol=0)


def test_a_generator_decides_the_initial_weights():
    one, same, other = (DenseNet121(1, generator=torch.Generator().manual_seed(s)) for s in (3, 3, 4))
    for key, value in one.state_dict().items():
        assert torch.equal(value, same.state_dict()[key])
    assert not torch.equal(one.classifier.weight, other.classifier.weight)
    assert not torch.equal(one.features.conv0.weight, other.features.conv0.weight)


def test_a_state_survives_a_round_trip(network):
    copied = DenseNet121(14)
    load_state(copied, network.state_dict())
    assert all(torch.equal(value, copied.state_dict()[key]) for key, value in network.state_dict().items())
