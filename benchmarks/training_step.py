"""A step of `chexnet train` against a plain torch loop over the same network, images and optimiser.

``python benchmarks/training_step.py [ROUNDS] [STEPS] [SIZE]`` lets them take STEPS steps in turns, in batches
of 16 (section 2.2) that are in memory already, on one core. A step of ours counts from the end of the one
before it, so all that Lightning and this package do in between is in it.
"""

import logging
import sys
import time
import warnings

import lightning
import torch
from timing import report
from torch.nn import functional

from chexnet.models import NETWORKS
from chexnet.training import TrainConfig
from chexnet.training.module import CheXNetModule

CONFIG = TrainConfig(max_epochs=1)
BATCH = 16


class Clock(lightning.Callback):
    """Notes the end of each step."""

    def __init__(self):
        self.ends = []

    def on_train_batch_end(self, *_):
        self.ends.append(time.perf_counter())


def ours(batches, config=CONFIG):
    clock = Clock()
    trainer = lightning.Trainer(
        accelerator="cpu",
        max_epochs=1,
        limit_val_batches=0,
        callbacks=[clock],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    module = CheXNetModule(network(config.network), config, None)
    trainer.fit(module, torch.utils.data.DataLoader(batches, batch_size=None))
    return clock.ends[-1] - clock.ends[0]


def plain(batches, layout):
    model = network().to(memory_format=layout).train()
    optimiser = torch.optim.Adam(model.parameters(), lr=CONFIG.learning_rate)
    ends = []
    for images, labels in batches:
        optimiser.zero_grad()
        logits = model(images.to(memory_format=layout)).logits
        functional.binary_cross_entropy_with_logits(logits, labels).backward()
        optimiser.step()
        ends.append(time.perf_counter())
    return ends[-1] - ends[0]


def network(name="densenet121"):
    return NETWORKS[name](14, generator=torch.Generator().manual_seed(0))


def quietly():
    warnings.filterwarnings("ignore")
    logging.getLogger("lightning.pytorch").setLevel("ERROR")


def main() -> None:
    rounds, steps, size = (
        int(sys.argv[i]) if len(sys.argv) > i else default for i, default in enumerate((7, 6, 96), start=1)
    )
    torch.set_num_threads(1)
    quietly()
    generator = torch.Generator().manual_seed(0)
    batches = [
        (
            torch.randn(BATCH, 3, size, size, generator=generator),
            torch.randint(0, 2, (BATCH, 14), generator=generator).float(),
        )
        for _ in range(steps + 1)
    ]
    variants = {
        "plain torch loop": lambda: plain(batches, torch.contiguous_format),
        "plain, channels last": lambda: plain(batches, torch.channels_last),
        "chexnet train": lambda: ours(batches),
    }
    seconds = {name: [] for name in variants}
    for number in range(rounds + 1):
        for name, variant in variants.items():
            spent = variant() / steps
            if number:
                seconds[name].append(spent)
    print(f"a step of {BATCH} images of {size} px, {rounds} rounds of {steps} steps")
    for baseline in ("plain torch loop", "plain, channels last"):
        report(seconds, baseline)


if __name__ == "__main__":
    main()
