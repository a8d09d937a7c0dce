"""The recipe: everything that decides what a training run does."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from chexnet._options import option
from chexnet.paper import BATCH_SIZE, IMAGE_SIZE, LEARNING_RATE, LEARNING_RATE_DECAY, PATHOLOGIES
from chexnet.radiograph import Preprocessing


@dataclass(frozen=True)
class TrainConfig:
    """How to train a CheXNet. The defaults are the paper's, sections 2.2, 3.1 and 5."""

    task: Literal["pneumonia", "pathologies"] = option(
        "pathologies",
        "pneumonia: one output, weighted loss (section 2.1). pathologies: 14, unweighted (section 5).",
    )
    network: Literal["densenet121", "efficientnet_lite0", "wang2017", "yao2017"] = option(
        "densenet121",
        "densenet121: CheXNet's (section 2.2). wang2017: ResNet-50 with log-sum-exp pooling; yao2017: "
        "DenseNet-121 with an LSTM over the labels; both, the other systems of Table 2, with the loss W-CEL. "
        "efficientnet_lite0: a small teacher.",
    )
    weights: str = option(
        "imagenet",
        "Initial weights: imagenet (section 2.2; downloaded once), none (random), or a checkpoint file.",
    )
    image_size: int = option(IMAGE_SIZE, "Side of the network's input, in pixels.")
    eight_bit: bool = option(
        False, "Round the resized films to 256 grey levels, as a pack holds them; `packed` implies it."
    )
    batch_size: int = option(BATCH_SIZE, "Images a step, over all devices together.")
    learning_rate: float = option(LEARNING_RATE, "Adam's initial learning rate.")
    learning_rate_decay: float = option(
        LEARNING_RATE_DECAY, "Factor on the learning rate when the validation loss plateaus."
    )
    plateau_epochs: int = option(1, "Epochs without a lower validation loss that make a plateau.")
    stop_epochs: int = option(5, "Epochs without a lower validation loss after which training ends.")
    max_epochs: int = option(50, "Training ends after this many epochs at the latest.")
    schedule: Literal["plateau", "one_cycle"] = option(
        "plateau",
        "plateau: the paper's rule. one_cycle: up to the learning rate in the first tenth of max_epochs, "
        "then down to 0 along a cosine.",
    )
    weight_decay: float = option(0.0, "L2 penalty; the paper has none.")
    flip: float = option(0.5, "Probability of a horizontal flip of a training image (section 3.1).")
    shift: float = option(0.0, "Largest random shift of a training image, as a share of its side; paper: 0.")
    rotation: float = option(0.0, "Largest random rotation of a training image, in degrees; paper: 0.")
    zoom: float = option(0.0, "Largest random change of a training image's scale, as a share; paper: 0.")
    contrast: float = option(0.0, "Largest random change of a training image's contrast; paper: 0.")
    teacher: str | None = option(
        None, "best.ckpt of a run whose network this one learns from beside the labels; paper: none."
    )
    teacher_weight: float = option(0.5, "With a teacher: its share of the loss, the labels having the rest.")
    hint_weight: float = option(
        0.0, "With a teacher: weight of a term that makes its feature maps a linear function of this one's."
    )
    average: str | None = option(
        None,
        "best.ckpt of another run of this network: the released weights are the mean of its weights and of "
        "this run's best; paper: none.",
    )
    seed: int = option(0, "Decides the split, the initial weights, the order of the images and the flips.")
    name: str = option("chexnet", "The model's name in its file.")

    def __post_init__(self) -> None:
        _require(self.task in ("pneumonia", "pathologies"), "task", self.task, "pneumonia or pathologies")
        _require(
            self.image_size >= 32 and self.image_size % 32 == 0,
            "image_size",
            self.image_size,
            "a multiple of 32, the side of a cell of the map",
        )
        for name in ("batch_size", "max_epochs", "plateau_epochs", "stop_epochs"):
            _require(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        _require(0 < self.learning_rate < math.inf, "learning_rate", self.learning_rate, "above 0, finite")
        _require(
            0 < self.learning_rate_decay < 1, "learning_rate_decay", self.learning_rate_decay, "in (0, 1)"
        )
        _require(
            0 <= self.weight_decay < math.inf, "weight_decay", self.weight_decay, "at least 0 and finite"
        )
        _require(0 <= self.flip <= 1, "flip", self.flip, "a probability")
        _require(0 <= self.shift < 0.5, "shift", self.shift, "in [0, 0.5)")
        _require(0 <= self.contrast < 1, "contrast", self.contrast, "in [0, 1)")
        _require(0 <= self.rotation <= 45, "rotation", self.rotation, "in [0, 45] degrees")
        _require(0 <= self.zoom < 0.5, "zoom", self.zoom, "in [0, 0.5)")
        _require(0 <= self.teacher_weight <= 1, "teacher_weight", self.teacher_weight, "a share")
        _require(0 <= self.hint_weight < math.inf, "hint_weight", self.hint_weight, "at least 0 and finite")
        _require(
            self.task == "pathologies" or self.network != "yao2017",
            "task",
            self.task,
            "pathologies for yao2017, which decodes labels one after another",
        )
        _require(
            self.teacher is None or self.network != "yao2017",
            "teacher",
            self.teacher,
            "none for yao2017, whose loss looks at the labels one after another",
        )
        _require(0 <= self.seed < 2**63, "seed", self.seed, "at least 0 and below 2**63")
        _require(Path(self.name).name == self.name != "", "name", self.name, "a file's name, without folders")

    @property
    def is_class_balanced(self) -> bool:
        """Whether the loss is W-CEL of Wang et al. 2017, which Yao et al. 2017 use as well."""
        return self.network in ("wang2017", "yao2017")

    @property
    def findings(self) -> tuple[str, ...]:
        """What the network's outputs mean, in their order."""
        return ("Pneumonia",) if self.task == "pneumonia" else PATHOLOGIES

    @property
    def preprocessing(self) -> Preprocessing:
        """From radiograph to input, in training and in prediction."""
        return Preprocessing(size=self.image_size, eight_bit=self.eight_bit)

    def to_dict(self) -> dict[str, Any]:
        """For the model file and for `recipe.json`."""
        # Left out where they change nothing, so that runs from before them go on.
        left_out = {name for name in ("eight_bit", "average") if not getattr(self, name)}
        return {key: value for key, value in asdict(self).items() if key not in left_out}


@dataclass(frozen=True)
class Hardware:
    """Where a run happens. Passed through to Lightning's Trainer.

    It changes no number beyond rounding, with one exception: processes on CPUs normalise each its own
    share of a batch, since PyTorch synchronises batch normalisation on GPUs alone.
    """

    accelerator: str = option("auto", "Lightning's accelerator: auto, cpu, gpu, mps …")
    devices: str = option("auto", "Lightning's devices: a number, a list such as 0,1, or auto.")
    num_nodes: int = option(1, "Machines in a distributed run.")
    strategy: str = option("auto", "Lightning's strategy, such as ddp.")
    precision: str = option("32-true", "Lightning's precision: 32-true, 16-mixed, bf16-mixed …")
    workers: int = option(2, "Processes that read images; 0 reads in the main process.")

    def __post_init__(self) -> None:
        _require(self.workers >= 0, "workers", self.workers, "at least 0")
        _require(self.num_nodes >= 1, "num_nodes", self.num_nodes, "at least 1")


@dataclass(frozen=True)
class TrainedModel:
    """Where a finished run left what it made.

    Attributes:
        model: the model file.
        folder: of the run.
        epochs: how many it took.
        validation_loss: the lowest.
        rank: of this process in a distributed run; process 0 writes the model, and the others do not wait.
    """

    model: Path
    folder: Path
    epochs: int
    validation_loss: float
    rank: int = 0


def _require(holds: bool, name: str, value: object, expected: str) -> None:
    if not holds:
        raise ValueError(f"{name} is {value!r}; expected {expected}")
