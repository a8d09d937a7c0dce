"""From what arrives behind the body to grey values: scatter, unsharpness, noise, display, lead letters."""

import math

import numpy as np

from chexnet.arrays import Float
from chexnet.examples.phantom.rays import Film, Number, pixel_centres_mm

QUANTA_PER_MM2 = 4.5e5
"""Quanta that reach the detector in the open beam: 15 uGy at about 30,000 per mm2 and uGy."""


def gaussian_blur(film: Film, sigma_pixels: float) -> Film:
    """Blur, with the film's edge carried on outwards."""
    pad = min(math.ceil(3 * sigma_pixels), len(film))
    rest = -(len(film) + 2 * pad) % 64  # the transform is slow at sizes with large prime factors
    padded = np.pad(film, (pad, pad + rest), mode="edge")
    rows, columns = np.fft.fftfreq(len(padded)), np.fft.rfftfreq(len(padded))
    transfer = np.outer(
        *(np.exp(-2 * (np.pi * sigma_pixels * f) ** 2).astype(np.float32) for f in (rows, columns))
    )
    blurred = np.fft.irfft2(np.fft.rfft2(padded) * transfer, padded.shape)
    return np.asarray(blurred[pad : pad + len(film), pad : pad + len(film)])


def exposed(primary: Film, spacing_mm: float, quanta_per_mm2: float, rng: np.random.Generator) -> Film:
    """Signal in the detector, 1 in the open beam: primary, scatter, unsharpness and quantum noise."""
    # Each ray scatters where it is attenuated and still alive; the grid lets a twentieth of that through.
    scatter = 0.05 * gaussian_blur(-primary * np.log(primary), 35 / spacing_mm)
    signal = np.maximum(gaussian_blur(primary + scatter, 0.25 / spacing_mm), 1e-4)
    # Normal instead of Poisson: at hundreds of quanta it is the same, and rounding cannot shift later draws.
    noise = np.sqrt(signal / (quanta_per_mm2 * spacing_mm**2)) * rng.standard_normal(signal.shape, np.float32)
    return np.maximum(signal + noise, 1e-4)


def displayed(signal: Film, spacing_mm: float) -> Film:
    """Grey values in [0, 1]: logarithm, edge enhancement in two bands, sigmoid window (PS3.3 C.11.2.1.3)."""
    density = -np.log(signal)
    sharp = density + sum(0.8 * (density - gaussian_blur(density, sigma / spacing_mm)) for sigma in (12, 2.5))
    grey = 1 / (1 + np.exp(-4 * (sharp - 1.65) / 4.6))
    return np.clip((grey - 0.13) / 0.85, 0, 1)


GLYPHS = {
    "S": "0111110000011100000111110", "Y": "1000101010001000010000100", "N": "1000111001101011001110001",
    "T": "1111100100001000010000100", "H": "1000110001111111000110001", "E": "1111110000111101000011111",
    "I": "0111000100001000010001110", "C": "0111110000100001000001111", "L": "1000010000100001000011111",
}  # fmt: skip
"""Letters, five rows of five dots."""


def lettering(text: str, x_mm: Number, z_mm: Number, dot_mm: Number, size: int) -> Film:
    """Share of each pixel that lead letters cover; (x, z) is the upper left corner."""
    dots = np.zeros((5, 6 * len(text)))
    for k, letter in enumerate(text):
        dots[:, 6 * k : 6 * k + 5] = np.array(list(GLYPHS[letter]), dtype=float).reshape(5, 5)
    axis = pixel_centres_mm(size)
    column, row = (np.floor(at / dot_mm).astype(int) for at in (axis - x_mm, axis + z_mm))
    on_column, on_row = (column >= 0) & (column < dots.shape[1]), (row >= 0) & (row < 5)
    film = np.zeros((size, size))
    film[np.ix_(on_row, on_column)] = dots[np.ix_(row[on_row], column[on_column])]
    return film


def binned(film: Film, by: int) -> Float[np.ndarray, "fewer_rows fewer_columns"]:
    """Mean over blocks of ``by`` x ``by``."""
    side = len(film) // by
    return np.asarray(film.reshape(side, by, side, by).mean(axis=(1, 3)))
