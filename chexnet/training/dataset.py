"""Training images: the same way from file to tensor as prediction, then augmentation."""

import math
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset, Sampler, default_collate

from chexnet.arrays import Float32
from chexnet.datasets import Manifest
from chexnet.radiograph import (
    Preprocessing,
    UnreadableImage,
    network_input,
    packed_input,
    read_radiograph,
)
from chexnet.training.config import TrainConfig

Key = tuple[int, tuple[int, ...] | None]
Example = tuple[Tensor, Tensor]

_LONGEST_SOCKET = 107
"""Bytes of the path of a Unix socket: sun_path without the zero at its end."""

_PREFETCHED = 2
"""Batches that each worker makes ahead, the DataLoader's own default."""


@dataclass(frozen=True)
class Augmentation:
    """Random changes of a training image. The paper flips and does nothing else (section 3.1)."""

    flip: float
    shift: float = 0.0
    contrast: float = 0.0
    rotation: float = 0.0
    zoom: float = 0.0

    def __call__(
        self, image: Float32[np.ndarray, "3 s s"], generator: np.random.Generator
    ) -> Float32[np.ndarray, "3 s s"]:
        """A changed copy; the same generator state gives the same change."""
        flipped = generator.random() < self.flip
        offset = generator.uniform(-self.shift, self.shift, 2) * image.shape[-1]
        rows, columns = np.round(offset).astype(int).tolist()
        scale = 1 + generator.uniform(-self.contrast, self.contrast)
        if self.rotation or self.zoom:
            degrees = generator.uniform(-self.rotation, self.rotation)
            image = _turned(image, degrees, 1 + generator.uniform(-self.zoom, self.zoom))
        if flipped:
            image = image[:, :, ::-1]
        if rows or columns:
            image = _shifted(image, rows, columns)
        if self.contrast:
            centre = image.mean()
            image = centre + (image - centre) * np.float32(scale)
        return np.ascontiguousarray(image, dtype=np.float32)


def _shifted(image: Float32[np.ndarray, "3 s s"], rows: int, columns: int) -> Float32[np.ndarray, "3 s s"]:
    """Shifted by whole pixels; the edge is repeated, so that no black bar tells of the shift."""
    size = image.shape[-1]
    row = np.clip(np.arange(size) - rows, 0, size - 1)
    column = np.clip(np.arange(size) - columns, 0, size - 1)
    return image[:, row][:, :, column]


def _turned(image: Float32[np.ndarray, "3 s s"], degrees: float, zoom: float) -> Float32[np.ndarray, "3 s s"]:
    """Rotated and enlarged about its centre; the edge is repeated, so that no black corner tells of it."""
    cosine, sine = math.cos(math.radians(degrees)) / zoom, math.sin(math.radians(degrees)) / zoom
    turn = torch.tensor([[[cosine, -sine, 0.0], [sine, cosine, 0.0]]])
    grid = functional.affine_grid(turn, [1, *image.shape], align_corners=False)
    film = torch.from_numpy(np.ascontiguousarray(image))[None]
    turned = functional.grid_sample(film, grid, padding_mode="border", align_corners=False)
    return turned[0].numpy()


class TrainingImages(Dataset[Example | UnreadableImage]):
    """Images and labels of a manifest, as tensors.

    A key is (row, seed): the seed decides the augmentation, so that an image of one epoch is the same
    in whichever process, and after whichever interruption, it is made. Seed None means no augmentation.

    An unreadable image comes as a value, which `Batches` raises: what a worker process raises would
    arrive as a traceback in a string.

    Raises:
        ValueError: the manifest's pack holds films of another size, or the preprocessing does not round
            as a pack does.
    """

    def __init__(self, manifest: Manifest, preprocessing: Preprocessing, augmentation: Augmentation) -> None:
        if manifest.pack is not None and not (
            preprocessing.eight_bit and preprocessing.size == manifest.pack.size
        ):
            raise ValueError(
                f"{manifest.pack.folder} holds 8-bit films at {manifest.pack.size} pixels; expected "
                f"{'8-bit' if preprocessing.eight_bit else 'unrounded'} ones at {preprocessing.size}"
            )
        self.manifest = manifest
        self.preprocessing = preprocessing
        self.augmentation = augmentation

    def __len__(self) -> int:
        return len(self.manifest)

    def __getitem__(self, key: Key) -> Example | UnreadableImage:
        """The network input (3, size, size) and its labels (findings)."""
        row, seed = key
        try:
            image = self._input(row)
        except UnreadableImage as error:
            return error
        if seed is not None:
            image = self.augmentation(image, np.random.default_rng(seed))
        return torch.from_numpy(image), torch.from_numpy(self.manifest.labels[row])

    def _input(self, row: int) -> Float32[np.ndarray, "3 s s"]:
        if self.manifest.pack is None:
            return network_input(read_radiograph(self.manifest.images[row]), self.preprocessing)
        return packed_input(self.manifest.packed(row), self.preprocessing)


class Batches(DataLoader[Example | UnreadableImage]):
    """Batches of images (batch, 3, size, size) and labels (batch, findings).

    Raises:
        UnreadableImage: while iterating, at the first image that cannot be read.
    """

    def __iter__(self) -> Any:
        for batch in super().__iter__():
            if isinstance(batch, UnreadableImage):
                raise batch
            yield batch


def collate(examples: list[Example | UnreadableImage]) -> Example | UnreadableImage:
    """A batch of the examples, or the first that could not be read."""
    for example in examples:
        if isinstance(example, UnreadableImage):
            return example
    images, labels = default_collate(examples)
    return images, labels


class EpochSampler(Sampler[Key]):
    """Rows of one epoch for one of several processes, from the seed and the epoch's number alone.

    The order is drawn once for all processes and dealt out in turn, so that two processes with half
    the batch see the images that one process with the whole batch sees. Validation keeps the table's order.
    """

    def __init__(self, rows: int, *, seed: int, shuffle: bool, rank: int = 0, processes: int = 1) -> None:
        self.rows = rows
        self.seed = seed
        self.shuffle = shuffle
        self.rank = rank
        self.processes = processes
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Lightning calls this before each epoch, resumed ones included."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(range(self.rank, self._dealt(), self.processes))

    def _dealt(self) -> int:
        # In training every process must make the same number of steps; the few rows left over wait.
        return self.rows - self.rows % self.processes if self.shuffle else self.rows

    def __iter__(self) -> Iterator[Key]:
        if not self.shuffle:
            yield from ((row, None) for row in range(self.rank, self.rows, self.processes))
            return
        order = np.random.default_rng((self.seed, self.epoch)).permutation(self.rows)[: self._dealt()]
        for row in order[self.rank :: self.processes]:
            yield int(row), (self.seed, self.epoch, int(row))


def loader(
    manifest: Manifest, config: TrainConfig, *, train: bool, workers: int, rank: int = 0, processes: int = 1
) -> Batches:
    """Batches of `manifest`: shuffled and augmented for training, as they are otherwise.

    Raises:
        ValueError: a batch that cannot be shared among the processes, or leaves one with a single image.
    """
    if config.batch_size % processes:
        raise ValueError(
            f"batch_size is {config.batch_size}; expected a multiple of the {processes} processes"
        )
    batch = config.batch_size // processes
    own = len(manifest) // processes
    if train and min(batch, own) < 2:
        raise ValueError(
            f"{own} training images and a batch of {batch} for each of {processes} processes; "
            "expected at least 2 of each, for batch normalization to compare"
        )
    if workers > 0:
        _refuse_workers_without_room(workers, batch * 3 * config.image_size**2 * np.float32().nbytes)
    return Batches(
        TrainingImages(
            manifest,
            config.preprocessing,
            Augmentation(config.flip, config.shift, config.contrast, config.rotation, config.zoom),
        ),
        batch_size=batch,
        sampler=EpochSampler(len(manifest), seed=config.seed, shuffle=train, rank=rank, processes=processes),
        # A last batch of a single image would leave batch normalization nothing to normalize by.
        drop_last=train and own > batch,
        collate_fn=collate,
        num_workers=workers,
        # Copies to a GPU from other memory are slower than the GPU.
        pin_memory=torch.cuda.is_available(),
        persistent_workers=workers > 0,
        multiprocessing_context=_start_method() if workers > 0 else None,
    )


def _refuse_workers_without_room(
    workers: int, batch_bytes: int, shared_memory: Path = Path("/dev/shm")
) -> None:
    """Raise ValueError where worker processes would fail with many lines that say nothing.

    Workers are spoken to by a socket in the temporary folder, and give batches in shared memory.
    """
    temporary = tempfile.gettempdir()
    room = _LONGEST_SOCKET - len("/pymp-12345678/listener-12345678")
    if os.name == "posix" and len(os.fsencode(temporary)) > room:
        raise ValueError(
            f"the temporary folder {temporary} has a name of {len(os.fsencode(temporary))} bytes, and "
            f"workers need one of at most {room}; set TMPDIR=/tmp, or use no workers (`workers` 0)"
        )
    needed = workers * (_PREFETCHED + 1) * batch_bytes
    if shared_memory.is_dir() and (free := shutil.disk_usage(shared_memory).free) < needed:
        raise ValueError(
            f"{shared_memory} has {free / 2**20:.0f} MiB free, and {workers} workers need "
            f"{needed / 2**20:.0f}; give the machine more shared memory (docker run --shm-size=1g), use "
            "fewer workers, or none (`workers` 0)"
        )


def _start_method() -> Any:
    """How workers start: never as copies of a process that has threads, and importing torch once for all."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["__main__", __name__])
    return context
