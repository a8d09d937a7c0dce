"""The gate: trained, its threshold chosen, tested, and written to ``chexnet/models/gate.onnx``.

``python -m recipes.gate._2_network``, after ``recipes/gate/_1_images.py`` (six minutes of one core);
``python -m recipes.gate._2_network measure`` chooses and tests again without training. Patients are kept
apart as in ``recipes/open_images.py``.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import onnx
import torch
from scipy.special import softmax
from torch import Tensor
from torch.nn import functional

from chexnet._onnx import open_session
from chexnet.classifier.gate import GATE_CLASSES, GateMeasure
from chexnet.models.gate_network import GATE_SIZE, GateNetwork, gate_graph, shrinking, write_gate
from chexnet.statistics import wilson_interval
from recipes.gate._1_images import GATE, SIZE, SOURCES
from recipes.letterbox import between_bars
from recipes.open_images import ROOT

FILE = ROOT / "chexnet" / "models" / "gate.onnx"
CLASSES = tuple(GATE_CLASSES)
STEPS, BATCH, RATE, SEED = 12_000, 96, 4e-3, 1
BARRED = 0.25
"""Share of a batch's pictures that stand between bars."""
FALSE_REFUSALS = 0.01
"""Share of validation films that the threshold may refuse; two are upside down or inverted."""


@dataclass(frozen=True)
class Kind:
    """How pictures of one class are drawn.

    Attributes:
        share: of a batch.
        scale: side of what is seen of a picture, as a share of its own.
        turn: largest angle in degrees, off `quarters` right angles to the left.
        quarters: likewise.
        shift: largest movement beyond the picture's border, as a share of its side.
        inverted: share of pictures whose grey is inverted.
        halves: share of pictures of which one side is seen whole.
    """

    share: float
    scale: tuple[float, float]
    turn: float
    quarters: int = 0
    shift: float = 0.08
    inverted: float = 0
    halves: float = 0


KINDS = {
    "frontal": Kind(0.3, (0.85, 1.3), 15),
    "lateral": Kind(0.14, (0.7, 1.15), 12),
    "inverted": Kind(0.1, (0.75, 1.25), 15, inverted=1),
    "upside_down": Kind(0.06, (0.8, 1.25), 20, quarters=2),
    "turned_left": Kind(0.06, (0.8, 1.25), 20, quarters=1),
    "turned_right": Kind(0.06, (0.8, 1.25), 20, quarters=3),
    "part": Kind(0.14, (0.2, 0.52), 20, shift=0.2, halves=0.7),
    "other": Kind(0.14, (0.6, 1.2), 180, inverted=0.3),
}

SHRINK = torch.from_numpy(shrinking(SIZE))


def looked_at(pictures: np.ndarray | Tensor) -> Tensor:
    """(pictures, 32, 32) as the gate sees films of (pictures, 224, 224) bytes."""
    grey = torch.as_tensor(pictures).float() / 255
    return SHRINK @ grey @ SHRINK.T


# How a batch is drawn


class Pictures:
    """What training draws from."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.generator = torch.Generator().manual_seed(seed)
        self.kinds = {kind: coarse(pictures) for kind, pictures in np.load(GATE / "taught.npz").items()}
        self.films: list[np.ndarray] = []
        self.validation, self.test = {}, {}
        for people in ("adults", "children"):
            data = np.load(GATE / f"{people}.npz")
            pictures, part = data["pictures"], data["part"]
            self.films.append(coarse(pictures[part == "train"]))
            self.validation[people] = pictures[part == "validation"]
            self.test[people] = pictures[part == "test"], data["view"][part == "test"]

    def batch(self) -> tuple[Tensor, Tensor]:
        """Pictures as the gate sees them, and the numbers of their classes."""
        counts = [round(BATCH * KINDS[name].share) for name in CLASSES]
        pictures = [
            self._any(count, self._sources(name)) for name, count in zip(CLASSES, counts, strict=True)
        ]
        label = torch.repeat_interleave(torch.arange(len(CLASSES)), torch.tensor(counts))
        return self._seen(np.concatenate(pictures), [KINDS[CLASSES[number]] for number in label]), label

    def _sources(self, name: str) -> list[np.ndarray]:
        if name in ("lateral", "other"):
            return self._of(name)
        if name == "part":
            return self.films
        chests = [*4 * self.films, *self._of("frontal")]
        return [*chests, *self._of("lateral")] if name == "inverted" else chests

    def _of(self, kind: str) -> list[np.ndarray]:
        return [pictures for name, pictures in self.kinds.items() if name.startswith(kind)]

    def _any(self, count: int, sources: list[np.ndarray]) -> np.ndarray:
        """So many pictures, each source as often as any other."""
        chosen = self.rng.integers(len(sources), size=count)
        return np.stack([sources[i][self.rng.integers(len(sources[i]))] for i in chosen])

    def _uniform(self, count: int, low: float, high: float) -> Tensor:
        """(count, 1, 1) numbers."""
        return low + (high - low) * torch.rand(count, 1, 1, generator=self.generator)

    def _seen(self, pictures: np.ndarray, kinds: list[Kind]) -> Tensor:
        """The pictures moved, turned, mirrored, stretched, toned and marked, each as its kind is."""
        count = len(pictures)
        column = torch.tensor([(*k.scale, k.turn, k.quarters, k.shift, k.inverted, k.halves) for k in kinds])
        least, most, turn, quarters, shift, inverted, halves = column.T[:, :, None, None]
        side = least + (most - least) * self._uniform(count, 0, 1)
        angle = turn * self._uniform(count, -1, 1) * (self._uniform(count, 0, 1) < 0.7) + 90 * quarters
        cos, sin = torch.deg2rad(angle).cos(), torch.deg2rad(angle).sin()
        mirror = torch.where(self._uniform(count, 0, 1) < 0.5, -1.0, 1.0)
        whole, first_of_both = self._uniform(count, 0, 1) < halves, self._uniform(count, 0, 1) < 0.5
        wide = torch.where(whole & first_of_both, 1.0, side * self._uniform(count, 0.9, 1.1))
        high = torch.where(whole & ~first_of_both, 1.0, side)
        x, y = (((1 - seen).clamp(min=0) + shift) * self._uniform(count, -1, 1) for seen in (wide, high))
        # It is the film that is mirrored, before it is turned: turned to the left stays so.
        first = torch.cat([mirror * wide * cos, -mirror * wide * sin, x], 2)
        theta = torch.cat([first, torch.cat([high * sin, high * cos, y], 2)], 1)
        place, bars = self._barred(count)
        grid = torch.einsum("nij,nrcj->nrci", theta[..., :2], place) + theta[:, None, None, :, 2]
        grey = torch.from_numpy(pictures).float()[:, None] / 255
        moved = functional.grid_sample(grey, grid, padding_mode="border", align_corners=False)[:, 0]
        # Outside of the picture: as its border goes on, or black, or white.
        outside = (grid.abs() > 1).any(dim=3) & (self._uniform(count, 0, 1) < 0.6)
        moved = torch.where(outside, (self._uniform(count, 0, 1) < 0.25).float(), moved)
        moved = torch.where(self._uniform(count, 0, 1) < inverted, 1 - moved, moved)
        colour = 1.5 * self._uniform(count, 0, 1) - 0.25
        return self._marked(self._toned(torch.where(bars, colour.clamp(0, 1), moved)))

    def _barred(self, count: int) -> tuple[Tensor, Tensor]:
        """Where in the picture (count, 32, 32, 2) a pixel is, and which (count, 32, 32) are bars beside it.

        Some pictures stand between bars, as in captures of a screen: at the sides, above and below, or both.
        """
        some, way = self._uniform(count, 0, 1) < BARRED, self._uniform(count, 0, 1)
        wide, high = (
            torch.where(some & where, self._uniform(count, 1, 1.9), 1.0) for where in (way < 0.75, way > 0.5)
        )
        zero = torch.zeros(count, 1, 1)
        x, y = (
            (seen - 1) * self._uniform(count, -1, 1) * self._uniform(count, 0, 1).round()
            for seen in (wide, high)
        )
        theta = torch.cat([torch.cat([wide, zero, x], 2), torch.cat([zero, high, y], 2)], 1)
        place = functional.affine_grid(theta, [count, 1, GATE_SIZE, GATE_SIZE], align_corners=False)
        return place, (place.abs() > 1).any(dim=3)

    def _toned(self, small: Tensor) -> Tensor:
        """Another window, gamma, sharpness, and noise."""
        count = len(small)
        low, high = self._uniform(count, 0, 0.12), self._uniform(count, 0.8, 1)
        small = ((small - low) / (high - low)).clamp(0, 1) ** torch.exp(self._uniform(count, -0.4, 0.4))
        blurred = functional.avg_pool2d(small[:, None], 3, 1, 1, count_include_pad=False)[:, 0]
        small = small + self._uniform(count, -0.8, 0.8) * (small - blurred)
        noise = torch.randn(small.shape, generator=self.generator) * self._uniform(count, 0, 0.04)
        return (small + noise).clamp(0, 1)

    def _marked(self, small: Tensor) -> Tensor:
        """Black or white frames and patches, as collimators, markers and screenshots leave them."""
        count = len(small)
        row, column = torch.arange(GATE_SIZE)[:, None], torch.arange(GATE_SIZE)
        for framed in (True, False, False):
            height, width = (
                GATE_SIZE * self._uniform(count, 0.02, 0.14),
                GATE_SIZE * self._uniform(count, 0.02, 0.14),
            )
            top, left = GATE_SIZE * self._uniform(count, 0, 0.95), GATE_SIZE * self._uniform(count, 0, 0.95)
            if framed:
                where = (row < height - 1) | (row > GATE_SIZE - height) | (column < width - 1)
            else:
                where = (row >= top) & (row < top + height) & (column >= left) & (column < left + width)
            where &= self._uniform(count, 0, 1) < 0.3
            dark = self._uniform(count, 0, 1) < 0.5
            value = torch.where(dark, self._uniform(count, 0, 0.1), self._uniform(count, 0.7, 1))
            small = torch.where(where, value, small)
        return small


def coarse(pictures: np.ndarray) -> np.ndarray:
    """A quarter as many rows and columns, which is still finer than the gate looks."""
    count, rows, columns = pictures.shape
    blocks = pictures.reshape(count, rows // 4, 4, columns // 4, 4)
    return np.stack([block.mean(axis=(1, 3)).round().astype(np.uint8) for block in blocks])


# Training


def train(pictures: Pictures) -> GateNetwork:
    """AdamW, one cycle, label smoothing."""
    torch.manual_seed(SEED)
    network = GateNetwork(len(CLASSES)).train()
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, STEPS)
    for step in range(1, STEPS + 1):
        grey, label = pictures.batch()
        loss = functional.cross_entropy(network(grey), label, label_smoothing=0.02)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 500 == 0:
            print(f"step {step}: loss {loss.item():.3f}", flush=True)
    return network.eval()


# Threshold and test

Gate = Callable[[np.ndarray], np.ndarray]
"""Films in bytes (pictures, 224, 224) to the gate's outputs (pictures, classes)."""


def computed_by(model: onnx.ModelProto) -> Gate:
    """The gate as its file computes it, with rounded weights."""
    session = open_session(model.SerializeToString(), threads=1)

    def gate(pictures: np.ndarray) -> np.ndarray:
        some = np.array_split(pictures, 1 + len(pictures) // 500)
        return np.concatenate([session.run(["gate"], {"grey": looked_at(p).numpy()})[0] for p in some])

    return gate


def frontal(gate: Gate, pictures: np.ndarray) -> np.ndarray:
    """Probability of an upright frontal chest radiograph."""
    return softmax(gate(pictures), axis=1)[:, 0]


def choose_threshold(gate: Gate, pictures: Pictures) -> float:
    """As high as refuses no more than `FALSE_REFUSALS` of the validation films, but not above one half."""
    films = np.concatenate([*pictures.validation.values()])
    return round(float(min(np.quantile(frontal(gate, films), FALSE_REFUSALS), 0.5)), 3)


def moved(films: np.ndarray, *, degrees: np.ndarray, side: float, rng: np.random.Generator) -> np.ndarray:
    """Films turned about their middle, or cut to a share of their side anywhere; black outside."""
    angle = torch.deg2rad(torch.from_numpy(degrees).float())
    x, y = torch.from_numpy(rng.uniform(side - 1, 1 - side, (2, len(films)))).float()
    first = torch.stack([side * angle.cos(), -side * angle.sin(), x], 1)
    second = torch.stack([side * angle.sin(), side * angle.cos(), y], 1)
    grid = functional.affine_grid(
        torch.stack([first, second], 1), [len(films), 1, SIZE, SIZE], align_corners=False
    )
    grey = torch.from_numpy(films).float()[:, None]
    return functional.grid_sample(grey, grid, align_corners=False)[:, 0].round().byte().numpy()


def barred(films: np.ndarray, grey: int, share: float = 9 / 16) -> np.ndarray:
    """Films in bytes between bars, likewise."""
    return between_bars(films, grey, share).round().astype(np.uint8)


LIKE_ANY_FILM: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    "turned by up to 15°": lambda f, rng: moved(f, degrees=rng.uniform(-15, 15, len(f)), side=1, rng=rng),
    "cut to 0.9 of a side": lambda f, rng: moved(f, degrees=np.zeros(len(f)), side=0.9, rng=rng),
    "mirrored": lambda f, _: f[:, :, ::-1].copy(),
    "darker, gamma 1.5": lambda f, _: np.rint(255 * (f / 255) ** 1.5).astype(np.uint8),
    "between black bars, 16:9": lambda f, _: barred(f, 0),
    "between white bars, 16:9": lambda f, _: barred(f, 255),
    "between grey bars, 4:3": lambda f, _: barred(f, 100, 0.75),
}
"""What must pass, as it happens to films."""


def altered(films: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """What must be refused of each film."""
    return {
        "inverted": 255 - films,
        "inverted, between black bars, 16:9": barred(255 - films, 0),
        "upside down, between white bars, 16:9": barred(films[:, ::-1], 255),
        "upside down": films[:, ::-1].copy(),
        "turned by 180°": films[:, ::-1, ::-1].copy(),
        "turned by 90° to the left": np.rot90(films, 1, (1, 2)).copy(),
        "turned by 90° to the right": np.rot90(films, 3, (1, 2)).copy(),
        "cut to a third of a side": moved(films, degrees=np.zeros(len(films)), side=1 / 3, rng=rng),
        "left half": np.repeat(films[:, :, : SIZE // 2], 2, axis=2),
        "lower half": np.repeat(films[:, SIZE // 2 :], 2, axis=1),
    }


def measure(gate: Gate, threshold: float, pictures: Pictures) -> list[GateMeasure]:
    """Refusals of everything that training never saw."""
    measured: list[GateMeasure] = []

    def show(kind: str, some: np.ndarray) -> None:
        refused = int((frontal(gate, some) < threshold).sum())
        low, high = wilson_interval(refused / len(some), len(some))
        measured.append(GateMeasure(kind, len(some), refused, round(low, 5), round(high, 5)))
        print(f"{kind:<45}{refused:>6} of {len(some):>6}  {refused / len(some):.4f} ({low:.4f}-{high:.4f})")

    rng = np.random.default_rng(3)
    adults, view = pictures.test["adults"]
    children, _ = pictures.test["children"]
    for position in ("PA", "AP"):
        show(f"frontal: adults, {position}", adults[view == position])
    show("frontal: children", children)
    for kind, change in LIKE_ANY_FILM.items():
        for people, films in (("adults", adults), ("children", children)):
            show(f"frontal, {kind}: {people}", change(films, rng))
    chests = np.load(GATE / "chests.npz") if (GATE / "chests.npz").is_file() else None
    if chests is not None:
        show("frontal: other hospitals", chests["frontal: pictures"])
        show("lateral: other hospitals", chests["lateral: pictures"])
    for people, films in (("adults", adults), ("children", children)):
        for kind, some in altered(films, rng).items():
            show(f"{kind}: {people}", some)
    for kind, some in np.load(GATE / "tested.npz").items():
        show(f"other: {kind}", some)
    return measured


def main() -> None:
    torch.set_num_threads(1)
    pictures = Pictures(SEED)
    model = onnx.load(FILE) if sys.argv[1:] == ["measure"] else gate_graph(train(pictures))
    gate = computed_by(model)
    threshold = choose_threshold(gate, pictures)
    print(f"threshold {threshold}")
    recipe = {
        "recipe": "recipes/gate/_2_network.py",
        "steps": STEPS,
        "batch": BATCH,
        "rate": RATE,
        "seed": SEED,
    }
    metadata = {
        "classes": CLASSES,
        "threshold": threshold,
        "training": {**recipe, "pictures": SOURCES},
        "measured": [asdict(entry) for entry in measure(gate, threshold, pictures)],
    }
    write_gate(model, FILE, json.dumps(metadata, ensure_ascii=False))


if __name__ == "__main__":
    main()
