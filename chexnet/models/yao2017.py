"""The network of Yao et al. 2017: a DenseNet encodes the film, an LSTM decodes the labels one after another.

The decoder factorises the joint distribution of the labels along their order,
``P(y | x) = prod_t P(y_t | y_1, …, y_(t-1), x)``, so that each finding knows of those before it.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from chexnet.arrays import Float
from chexnet.models.cam import NetworkOutput
from chexnet.models.densenet import DenseNet121

ENCODING = 1024
"""Channels of DenseNet-121's last feature maps."""

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


class Yao2017(nn.Module):
    """DenseNet encoder and LSTM decoder. It has no activation maps: no finding is a sum over places.

    Args:
        outputs: number of findings, decoded in their order.
        generator: source of the initial weights; the default is torch's own.
    """

    def __init__(self, outputs: int, *, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.features = DenseNet121(outputs, generator=generator).features
        self.decoder = LabelDecoder(outputs, generator)

    def encode(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 1024"]:
        """The film as one vector: feature maps after norm and ReLU, averaged."""
        return functional.relu(self.features(images)).mean(dim=(2, 3))

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> NetworkOutput:
        """Log odds of each finding given the film alone."""
        return NetworkOutput(self.decoder.marginal(self.encode(images)), None)


def _one_hidden_layer() -> nn.Sequential:
    return nn.Sequential(nn.Linear(ENCODING, UNITS), nn.Tanh(), nn.Linear(UNITS, UNITS), nn.Tanh())


def _lstm(
    gates: Float[Tensor, "*batch four_units"], cell: Float[Tensor, "*batch units"]
) -> tuple[Tensor, Tensor]:
    """One step of an LSTM: input, forget, candidate and output gates to the next hidden state and cell."""
    write, keep, candidate, show = gates.chunk(4, dim=-1)
    cell = torch.sigmoid(keep) * cell + torch.sigmoid(write) * torch.tanh(candidate)
    return torch.sigmoid(show) * torch.tanh(cell), cell
