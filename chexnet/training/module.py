"""The Lightning module: network, loss and optimiser of section 2.2."""

from typing import Any

import lightning
import numpy as np
import torch
from torch import Tensor, nn

from chexnet.arrays import Float
from chexnet.datasets import known_labels
from chexnet.models import Network
from chexnet.paper import ADAM_BETAS
from chexnet.statistics import auroc
from chexnet.training.config import TrainConfig
from chexnet.training.losses import (
    class_balanced_loss,
    count_labels,
    hint_loss,
    pathologies_loss,
    pneumonia_loss,
    teacher_loss,
)
from chexnet.training.schedule import is_finished, learning_rate

_LOSSES, _HINT = "validation_losses", "hint"


class CheXNetModule(lightning.LightningModule):
    """Trains a network as the paper does.

    Args:
        network: is trained in place.
        config: the recipe.
        pneumonia_weights: (w₊, w₋) of section 2.1, or None for the sum over pathologies of section 5.
        teacher: a trained network for the same findings to learn from beside the labels.
    """

    def __init__(
        self,
        network: Network,
        config: TrainConfig,
        pneumonia_weights: tuple[float, float] | None,
        teacher: Network | None = None,
    ) -> None:
        super().__init__()
        # Channels last is the faster layout for these convolutions, on CPU and GPU alike.
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.config = config
        self.pneumonia_weights = pneumonia_weights
        # In a tuple, out of sight of Lightning: a teacher is neither trained nor saved.
        self._teacher = () if teacher is None else (_frozen(teacher),)
        if teacher is not None and config.hint_weight:
            self.hint = nn.Conv2d(network.channels, teacher.channels, 1, bias=False)
            generator = torch.Generator().manual_seed(config.seed)
            nn.init.kaiming_normal_(self.hint.weight, generator=generator)
        self.validation_losses: list[float] = []
        self._epoch: list[tuple[Tensor, Tensor, Tensor]] = []

    def forward(self, images: Float[Tensor, "batch 3 s s"]) -> Float[Tensor, "batch findings"]:
        """Logits."""
        logits: Tensor = self.network(images.contiguous(memory_format=torch.channels_last)).logits
        return logits.float()

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The loss of the network or else of the task, averaged over the batch."""
        if self.config.is_class_balanced:
            return class_balanced_loss(logits, labels, self._counts(labels))
        if self.pneumonia_weights is None:
            return pathologies_loss(logits, labels)
        return pneumonia_loss(logits, labels, self.pneumonia_weights)

    def _counts(self, labels: Tensor) -> Tensor:
        """|P| and |N| of the batch of all processes; validation has gathered its labels already."""
        counts = count_labels(labels)
        if self.training and self.trainer.world_size > 1:
            torch.distributed.all_reduce(counts)
        return counts

    def on_fit_start(self) -> None:
        """The teacher goes where the network is."""
        for teacher in self._teacher:
            teacher.to(self.device)

    def on_train_batch_start(self, _batch: Any, _index: int) -> None:
        """Sets the learning rate that the validation losses so far, or the steps, ask for."""
        reached = self.trainer.global_step / max(float(self.trainer.estimated_stepping_batches), 1.0)
        rate = learning_rate(self.validation_losses, self.config, reached)
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = rate
        self.log("learning_rate", rate, on_step=False, on_epoch=True)

    def training_step(self, batch: tuple[Tensor, Tensor], _index: int) -> Tensor:
        """One minibatch; logs the mean training loss of the epoch."""
        images, labels = batch
        images = images.contiguous(memory_format=torch.channels_last)
        features = self.network.feature_maps(images)
        logits = self.network.training_logits(features, labels).float()
        loss = self.loss(logits, labels)
        for teacher in self._teacher:
            loss = self._with_teacher(loss, teacher, images, features, logits)
        self.log("train_loss", loss, on_step=False, on_epoch=True, sync_dist=True, batch_size=len(images))
        return loss

    def _with_teacher(
        self, loss: Tensor, teacher: Network, images: Tensor, features: Tensor, logits: Tensor
    ) -> Tensor:
        """Teacher and network see the very same image, augmentation included (Beyer et al. 2022)."""
        with torch.no_grad():
            wanted = teacher.feature_maps(images)
            opinion = teacher.head(wanted).logits.float()
        share = self.config.teacher_weight
        loss = (1 - share) * loss + share * teacher_loss(logits, opinion)
        if self.config.hint_weight:
            loss = loss + self.config.hint_weight * hint_loss(self.hint(features).float(), wanted.float())
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], _index: int) -> None:
        """Keeps the logits; the loss is taken over the whole epoch at once, whatever the batches were."""
        images, labels = batch
        features = self.network.feature_maps(images.contiguous(memory_format=torch.channels_last))
        compared = self.network.training_logits(features, labels).float()
        self._epoch.append((compared, self.network.head(features).logits.float(), labels))

    def on_validation_epoch_end(self) -> None:
        """Logs the validation loss, which decides, and the mean AUROC, which only informs.

        Raises:
            FloatingPointError: the loss is no number; more epochs would bring none.
        """
        compared, logits, labels = self._of_all_processes()
        loss = self.loss(compared, labels)
        if not torch.isfinite(loss):
            raise FloatingPointError(
                f"the validation loss of epoch {self.current_epoch + 1} is {float(loss)}: the network has "
                "diverged; lower the learning rate, or compute in full precision (32-true)"
            )
        self.validation_losses.append(float(loss))
        if is_finished(self.validation_losses, self.config):
            self.trainer.should_stop = True
        self.log("val_loss", loss)
        self.log("val_auroc", mean_auroc(labels.cpu().numpy(), logits.cpu().numpy()))

    def _of_all_processes(self) -> list[Tensor]:
        own = [torch.cat(columns) for columns in zip(*self._epoch, strict=True)]
        self._epoch.clear()
        if self.trainer.world_size == 1:
            return own
        parts: list[Any] = [None] * self.trainer.world_size
        torch.distributed.all_gather_object(parts, [column.cpu() for column in own])
        return [torch.cat(columns).to(self.device) for columns in zip(*parts, strict=True)]

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam with standard parameters (section 2.2)."""
        return torch.optim.Adam(
            self.parameters(),
            lr=self.config.learning_rate,
            betas=ADAM_BETAS,
            weight_decay=self.config.weight_decay,
        )

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """The losses go along: they decide the learning rate and the end. The hint is not the network's."""
        checkpoint[_LOSSES] = self.validation_losses
        state = checkpoint["state_dict"]
        checkpoint[_HINT] = {key: state.pop(key) for key in list(state) if key.startswith("hint.")}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Takes up where the checkpoint was written."""
        self.validation_losses = list(checkpoint[_LOSSES])
        checkpoint["state_dict"] |= checkpoint[_HINT]


def _frozen(network: Network) -> Network:
    return network.to(memory_format=torch.channels_last).eval().requires_grad_(False)  # type: ignore[call-overload]


def mean_auroc(
    labels: Float[np.ndarray, "images findings"], logits: Float[np.ndarray, "images findings"]
) -> float:
    """Mean over the findings that can be estimated; NaN where none can."""
    areas = []
    for finding in range(labels.shape[1]):
        known, present = known_labels(labels[:, finding])
        if present.any() and not present.all():
            areas.append(auroc(present, logits[known, finding].astype(np.float64)))
    return float(np.mean(areas)) if areas else float("nan")
