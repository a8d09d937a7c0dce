"""From upload to result: a bounded queue, decoding side by side, inference in batches."""

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from chexnet.arrays import Float32
from chexnet.classifier import Classifier, Prediction
from chexnet.radiograph import (
    Radiograph,
    UnreadableImage,
    declared_size,
    network_input,
    read_radiograph,
)
from chexnet.service.batching import Batcher
from chexnet.service.config import Limits
from chexnet.service.metrics import Metrics
from chexnet.service.problems import overloaded
from chexnet.service.store import Result, StoredImage, new_id
from chexnet.service.uploads import Upload


@dataclass(frozen=True)
class Choices:
    """What a request may choose.

    Attributes:
        policy: names the operating points; None is the service's own.
        gate: whether to refuse anything that is not an upright frontal chest radiograph; None likewise.
        window: which of a DICOM file's VOI transformations to apply, from 0.
    """

    policy: str | None = None
    gate: bool | None = None
    window: int = 0


DEFAULT_CHOICES = Choices()


@dataclass(frozen=True, eq=False)
class _Decoded:
    choices: Choices
    radiograph: Radiograph
    image: StoredImage
    input: Float32[np.ndarray, "3 size size"]


@dataclass(frozen=True, eq=False)
class Unread:
    """An upload without a result to keep: a damaged file, or one that is no radiograph file at all."""

    prediction: Prediction
    sha256: str
    read_at: datetime


class PixelBudget:
    """Room for images that are decoded at the same time; who finds none waits, first come, first served.

    Args:
        most: pixels of all of them together. A larger image is let in alone.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._turn = asyncio.Lock()
        self._freed = asyncio.Event()
        self.used = 0

    @asynccontextmanager
    async def share(self, pixels: int) -> AsyncIterator[None]:
        """Room for one image, given back at the end of the block."""
        pixels = min(pixels, self._most)
        # The lock serves in order, so that small images never pass a large one for ever.
        async with self._turn:
            while self.used + pixels > self._most:
                self._freed.clear()
                await self._freed.wait()
            self.used += pixels
        try:
            yield
        finally:
            self.used -= pixels
            self._freed.set()


class RadiographReader:
    """Reads uploads with one classifier.

    Args:
        classifier: shared by all requests.
        limits: how much may wait, and for how long.
        metrics: told of batches and outcomes.
        gate: refuse anything that is not an upright frontal chest radiograph.
    """

    def __init__(
        self, classifier: Classifier, limits: Limits, metrics: Metrics, *, gate: bool = True
    ) -> None:
        self._classifier = classifier
        self._limits = limits
        self._metrics = metrics
        self._gate = gate
        self._cores = os.cpu_count() or 1
        self._decoders = ThreadPoolExecutor(self._cores, "decode")
        # Decoded images are large, encoded ones small: few are decoded ahead of the next batch.
        self._slots = asyncio.Semaphore(limits.batch + self._cores)
        self._room = PixelBudget(limits.decoding_megapixels * 1_000_000)
        self._batcher = Batcher[_Decoded, Prediction](self._classify, limits.batch, metrics.batch)
        self._decode_s = self._classify_s = 0.1
        self.waiting = 0

    @property
    def policies(self) -> tuple[str, ...]:
        """The policies that a request may name."""
        return self._classifier.policies

    async def read(
        self, uploads: Sequence[Upload], choices: Choices = DEFAULT_CHOICES
    ) -> list[Result | Unread]:
        """One outcome per upload, in their order.

        Raises:
            Problem: the queue has no room for so many images, or they took too long.
        """
        self._admit(len(uploads))
        tasks = [asyncio.create_task(self._read(upload, choices)) for upload in uploads]
        try:
            async with asyncio.timeout(self._limits.timeout_s):
                return list(await asyncio.gather(*tasks))
        except TimeoutError:
            raise overloaded(
                f"Not read within {self._limits.timeout_s} s; try again later.", self.retry_after_s()
            ) from None
        finally:
            # A caller that gave up, or one failure among several images, leaves no work behind.
            for task in tasks:
                task.cancel()
            self.waiting -= len(uploads)

    def retry_after_s(self) -> float:
        """When what waits now will have been read."""
        return min(self.waiting * max(self._decode_s / self._cores, self._classify_s), 60.0)

    def close(self) -> None:
        """Release the threads."""
        self._decoders.shutdown(wait=False, cancel_futures=True)
        self._batcher.close()

    def _admit(self, images: int) -> None:
        if self.waiting + images > self._limits.queue:
            raise overloaded(
                f"{self.waiting} images are waiting and {images} came; "
                f"at most {self._limits.queue} may wait.",
                self.retry_after_s(),
            )
        self.waiting += images

    async def _read(self, upload: Upload, choices: Choices) -> Result | Unread:
        loop = asyncio.get_running_loop()
        sha256 = await loop.run_in_executor(self._decoders, _sha256, upload.content)
        read_at = datetime.now(UTC)
        async with self._slots:
            size = await loop.run_in_executor(self._decoders, declared_size, upload.content)
            pixels = None if size is None else size.pixels
            async with self._room.share(pixels or 0):
                outcome: Result | Unread
                decoded = await loop.run_in_executor(self._decoders, self._decode, upload, pixels, choices)
                if isinstance(decoded, _Decoded):
                    prediction = await self._batcher.submit(decoded)
                    outcome = Result(new_id(), prediction, decoded.image, sha256, read_at)
                else:
                    outcome = Unread(decoded, sha256, read_at)
        self._metrics.image(outcome.prediction.status)
        return outcome

    def _decode(self, upload: Upload, pixels: int | None, choices: Choices) -> _Decoded | Prediction:
        """On a decoding thread: the image and the network's input, or why there is none."""
        started = time.monotonic()
        try:
            self._check_size(upload.name, pixels)
            radiograph = read_radiograph(upload.content, name=upload.name, window=choices.window)
            image = StoredImage.of(radiograph)
            input = network_input(radiograph, self._classifier.metadata.preprocessing)
        except UnreadableImage as error:
            return self._unreadable(upload.name, error.reason, error.notes)
        self._decode_s = _smoothed(self._decode_s, time.monotonic() - started)
        return _Decoded(choices, radiograph, image, input)

    def _check_size(self, name: str, pixels: int | None) -> None:
        if pixels is not None and pixels > self._limits.megapixels * 1_000_000:
            raise UnreadableImage(
                name,
                f"{pixels / 1e6:,.1f} megapixels; this service reads at most {self._limits.megapixels}",
            )

    def _classify(self, images: Sequence[_Decoded]) -> list[Prediction]:
        """On the batch thread: one prediction per image, in their order.

        Images of different choices go through the network one choice after the other.
        """
        started = time.monotonic()
        predictions: dict[int, Prediction] = {}
        for choices in dict.fromkeys(image.choices for image in images):
            chosen = [index for index, image in enumerate(images) if image.choices == choices]
            made = self._view(choices.policy).predict_inputs(
                np.stack([images[index].input for index in chosen]),
                [images[index].radiograph for index in chosen],
                gate=self._gate if choices.gate is None else choices.gate,
            )
            predictions.update(zip(chosen, made, strict=True))
        self._classify_s = _smoothed(self._classify_s, (time.monotonic() - started) / len(images))
        return [predictions[index] for index in range(len(images))]

    def _view(self, policy: str | None) -> Classifier:
        """The classifier under another policy; it shares the network."""
        return self._classifier if policy is None else self._classifier.under(policy)

    def _unreadable(self, name: str, reason: str, notes: tuple[str, ...] = ()) -> Prediction:
        return Prediction(
            image=name,
            status="error",
            reason=reason,
            findings=(),
            model=self._classifier.identity,
            notes=notes,
        )


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _smoothed(before: float, latest: float) -> float:
    return before + 0.2 * (latest - before)


def warm_up(classifier: Classifier) -> None:
    """Run the network once, so that the first image does not pay for its start."""
    size = classifier.metadata.preprocessing.size
    classifier.run(np.zeros((1, 3, size, size), np.float32))
