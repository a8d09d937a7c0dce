"""A synthetic film, drawn from a seed to grey values."""

import math
from dataclasses import dataclass

import numpy as np

from chexnet.examples.phantom.anatomy import Anatomy, Opacity
from chexnet.examples.phantom.film import QUANTA_PER_MM2, binned, displayed, exposed, lettering
from chexnet.examples.phantom.rays import FIELD_MM, Film
from chexnet.examples.phantom.thorax import ray_sums


@dataclass(frozen=True)
class Phantom:
    """A synthetic film: grey values in [0, 1], bone white (MONOCHROME2), and what is known of it.

    ``opacity_box`` is (x, y, width, height) in pixels around the part of the film where the opacity adds
    more than a tenth of the most it adds anywhere; None without an opacity.
    """

    pixels: Film
    pixel_spacing_mm: float
    opacity_box: tuple[float, float, float, float] | None


def _box(added: Film, by: int) -> tuple[float, float, float, float]:
    seen = added > 0.1 * added.max()
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    x, y = columns[0] / by, rows[0] / by
    return float(x), float(y), float((columns[-1] + 1) / by - x), float((rows[-1] + 1) / by - y)


def thorax_phantom(
    size: int = 1024,
    *,
    seed: int = 0,
    opacity: Opacity | None = None,
    anatomy: Anatomy | None = None,
    quanta_per_mm2: float = QUANTA_PER_MM2,
) -> Phantom:
    """A synthetic frontal chest film of ``size`` x ``size`` pixels, patient upright, right side on the left.

    Args:
        size: pixels a side, at least 32; the film is always 365 mm wide.
        seed: body, vessels, texture and noise; the same seed is the same body at every size.
        opacity: a consolidation to add; nothing else about the body changes.
        anatomy: the body's proportions instead of those the seed draws.
        quanta_per_mm2: the dose; ``math.inf`` gives a film without noise.

    Raises:
        ValueError: the film is too small, or the opacity lies where there is no lung.
    """
    if size < 32:
        raise ValueError(f"a phantom has at least 32 pixels a side; got {size}")
    body_rng, tissue_rng, noise_rng = np.random.default_rng(seed).spawn(3)
    anatomy = anatomy or Anatomy.drawn(body_rng)
    # Small films are binned from a finer one, as a detector's pixel adds up what falls on it.
    by = math.ceil(512 / size)
    sums = ray_sums(size * by, anatomy, opacity, tissue_rng)
    if opacity is not None and not sums.opacity.any():
        raise ValueError(
            f"no lung at ({opacity.x_mm}, {opacity.z_mm}) mm: move the opacity, e.g. Opacity.in_zone"
        )
    spacing_mm = FIELD_MM / size
    signal = exposed(binned(np.exp(-sums.total), by), spacing_mm, quanta_per_mm2, noise_rng)
    lead = lettering("SYNTHETIC", -173, 173, 1.5, size * by) + lettering("L", 152, 173, 3, size * by)
    pixels = np.maximum(displayed(signal, spacing_mm), 0.85 * binned(lead, by)).astype(np.float32)
    return Phantom(pixels, spacing_mm, None if opacity is None else _box(sums.opacity, by))
