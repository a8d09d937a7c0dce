"""One network with settled statistics, shared: building and exporting it costs most of these tests' time."""

import pytest
import torch

from chexnet.models import DenseNet121

# On small films, waiting for a second thread costs more than it brings.
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def network():
    """Random weights and batch statistics of random images, so that no norm is the identity."""
    generator = torch.Generator().manual_seed(0)
    network = DenseNet121(14, generator=generator).train()
    with torch.no_grad():
        network(torch.randn(4, 3, 64, 64, generator=generator))
        for norm in (module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)):
            norm.weight.uniform_(0.5, 1.5, generator=generator)
            norm.bias.normal_(0, 0.1, generator=generator)
        network.classifier.weight.normal_(0, 0.1, generator=generator)
        network.classifier.bias.normal_(0, 1, generator=generator)
    return network.eval()
