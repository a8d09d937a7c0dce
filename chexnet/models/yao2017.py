"""The network of Yao et al. 2017: a DenseNet encodes the film, an LSTM decodes the labels one after another.

The decoder factorises the joint distribution of the labels along their order,
``P(y | x) = prod_t P(y_t | y_1, …, y_(t-1), x)``, so that each finding knows of those before it.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from chexnet.arrays import Float
from chexnet.models.densenet import FEATURE_MAPS, IMAGENET_URL, DenseNet121, folding_of
from chexnet.models.network import Network, NetworkOutput

UNITS = 128
"""Of the LSTM's state."""


class LabelDecoder(nn.Module):
    """LSTM over the labels in their order, its first state made from the encoded film.

    Step t reads label t - 1 as +1 (present) or -1 (absent) in a place of its own; an unknown label, and the
    label before the first, is 0 and says nothing.

    Args:
        labels: how many.
        generator: source of the initial weights.
    """

    def __init__(self, labels: int, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.labels = labels
        self.initial_hidden = _one_hidden_layer()
        self.initial_cell = _one_hidden_layer()
        self.label = nn.Linear(labels, 4 * UNITS, bias=False)
        self.recurrence = nn.Linear(UNITS, 4 * UNITS)
        self.readout = nn.Linear(UNITS, labels)
        self._initialise(generator)

    def _initialise(self, generator: torch.Generator | None) -> None:
        """Glorot, as usual for saturating units; forget gates start open."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight, generator=generator)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        self.recurrence.bias.data[UNITS : 2 * UNITS] = 1.0

    def conditional(
        self, encoding: Float[Tensor, "batch units"], labels: Float[Tensor, "batch labels"]
    ) -> Float[Tensor, "batch labels"]:
        """Log odds of each label given the film and the labels before it (teacher forcing).

        Args:
            encoding: of the films.
            labels: 0, 1, a probability, or NaN where unknown.
        """
        read = (2 * labels - 1).nan_to_num(0.0).to(encoding.dtype)
        hidden, cell = self.initial_hidden(encoding), self.initial_cell(encoding)
        said = torch.zeros_like(self.recurrence(hidden))
        logits = []
        for step in range(self.labels):
            hidden, cell = _lstm(self.recurrence(hidden) + said, cell)
            logits.append(self._read_out(hidden, step))
            said = read[:, step, None] * self.label.weight[:, step]
        return torch.stack(logits, dim=1)

    def marginal(self, encoding: Float[Tensor, "batch units"]) -> Float[Tensor, "batch labels"]:
        """Log odds of each label given the film alone: the sum over all that the labels before it may be.

        Exact. Step t holds the 2^(t-1) ways in which the labels before may have turned out, with their
        probabilities; fourteen labels need 8,192 states at the last.
        """
        hidden, cell = self.initial_hidden(encoding)[:, None], self.initial_cell(encoding)[:, None]
        hidden, cell = _lstm(self.recurrence(hidden), cell)
        way = torch.zeros_like(hidden[:, :, 0])
        logits = []
        for step in range(self.labels):
            logit = self._read_out(hidden, step)
            # log sigmoid; spelled so that ONNX Runtime, too, computes it without a logarithm of zero.
            present, absent = way - functional.softplus(-logit), way - functional.softplus(logit)
            logits.append(torch.logsumexp(present, dim=1) - torch.logsumexp(absent, dim=1))
            if step + 1 < self.labels:
                # What the label says is added behind the product, which both its values share.
                gates, said = self.recurrence(hidden), self.label.weight[:, step]
                hidden, cell = _lstm(
                    torch.cat([gates + said, gates - said], dim=1), torch.cat([cell, cell], dim=1)
                )
                way = torch.cat([present, absent], dim=1)
        return torch.stack(logits, dim=1)

    def _read_out(self, hidden: Float[Tensor, "*batch units"], step: int) -> Float[Tensor, "*batch"]:
        return hidden @ self.readout.weight[step] + self.readout.bias[step]


class Yao2017(Network):
    """DenseNet encoder and LSTM decoder. It has no activation maps: no finding is a sum over places.

    Args:
        outputs: number of findings, decoded in their order.
        generator: source of the initial weights; the default is torch's own.
    """

    imagenet_url = IMAGENET_URL
    head_keys = ("decoder.",)

    def __init__(self, outputs: int, *, generator: torch.Generator | None = None) -> None:
        super().__init__(FEATURE_MAPS)
        self.features = DenseNet121(outputs, generator=generator).features
        self.decoder = LabelDecoder(outputs, generator)

    def feature_maps(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 1024 r c"]:
        """Outputs of the encoder's final convolutional layer, after norm and ReLU."""
        return functional.relu(self.features(images))

    def head(self, features: Float[Tensor, "batch 1024 r c"]) -> NetworkOutput:
        """Log odds of each finding given the film alone, its feature maps averaged into one vector."""
        return NetworkOutput(self.decoder.marginal(features.mean(dim=(2, 3))), None)

    def training_logits(
        self, features: Float[Tensor, "batch 1024 r c"], labels: Float[Tensor, "batch findings"]
    ) -> Float[Tensor, "batch findings"]:
        """Log odds of each finding given the film and the true labels before it (teacher forcing)."""
        return self.decoder.conditional(features.mean(dim=(2, 3)), labels)

    def biases(self) -> Float[Tensor, " findings"]:
        """Zero: there are no maps."""
        return torch.zeros(self.decoder.labels)

    def folding(self) -> Iterator[tuple[nn.Module, str, str]]:
        """Those of DenseNet-121."""
        return folding_of(self.features)


def _one_hidden_layer() -> nn.Sequential:
    return nn.Sequential(nn.Linear(FEATURE_MAPS, UNITS), nn.Tanh(), nn.Linear(UNITS, UNITS), nn.Tanh())


def _lstm(
    gates: Float[Tensor, "*batch four_units"], cell: Float[Tensor, "*batch units"]
) -> tuple[Tensor, Tensor]:
    """One step of an LSTM: input, forget, candidate and output gates to the next hidden state and cell."""
    write, keep, candidate, show = gates.chunk(4, dim=-1)
    cell = torch.sigmoid(keep) * cell + torch.sigmoid(write) * torch.tanh(candidate)
    return torch.sigmoid(show) * torch.tanh(cell), cell
