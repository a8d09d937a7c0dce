"""A film beside its class activation map, as in Figure 2, for people to look at."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from chexnet.arrays import Float, Float32, UInt8
from chexnet.classifier.prediction import FindingPrediction, Prediction
from chexnet.findings import display_name
from chexnet.radiograph import Radiograph

FOR = (230, 97, 1)
AGAINST = (38, 120, 220)
"""Orange and blue: they can be distinguished with every common form of colour blindness, and in print."""

LONGEST_SIDE = 768
"""A film is shown with at most so many pixels on its longer side."""

STRONGEST_OPACITY = 0.6
FULL_SCALE = 4.0
"""Log odds at full colour, in every image: the same colour is the same evidence."""

LEAST_FULL_SCALE = 1.0
"""Log odds at full colour, at least: a map that is nearly flat must not be stretched into a strong one."""

NOTICE = "Research software, not a medical device: not for diagnosis."

_MARGIN = 16
_BAR = 110
_BACKGROUND = (17, 17, 20)
_TEXT = (225, 225, 225)
_QUIET = (140, 140, 145)


@dataclass(frozen=True)
class Overlay:
    """A picture, and the log odds at the ends of its colour bar."""

    picture: Image.Image
    full_scale: float


def upscale(
    layer: Float[np.ndarray, "rows columns"], height: int, width: int
) -> Float32[np.ndarray, "height width"]:
    """The map at the dimensions of the image (section 6), bilinear; cell centres stay where they are."""
    image = Image.fromarray(np.ascontiguousarray(layer, dtype=np.float32))
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR), dtype=np.float32)


def blend(
    grey: Float[np.ndarray, "height width"], evidence: Float[np.ndarray, "height width"], full_scale: float
) -> UInt8[np.ndarray, "height width 3"]:
    """The film with evidence for in orange and against in blue; zero leaves the film as it is."""
    strength = np.clip(np.abs(evidence) / full_scale, 0, 1)[..., None] * STRONGEST_OPACITY
    colour = np.where(evidence[..., None] > 0, np.array(FOR), np.array(AGAINST))
    mixed = (1 - strength) * (np.clip(grey, 0, 1)[..., None] * 255) + strength * colour
    return np.round(mixed).astype(np.uint8)


def overlay(radiograph: Radiograph, prediction: Prediction, finding: str) -> Overlay:
    """The plain film, the film under its map, and a colour bar.

    Zero is the operating threshold where maps add up to the score, and otherwise a place that adds nothing.
    """
    film = _shown(radiograph)
    height, width = film.shape
    layer = prediction.evidence_of(finding)
    full_scale = max(float(np.abs(layer).max()), LEAST_FULL_SCALE)
    mixed = blend(film, upscale(layer, height, width), full_scale)
    plain = Image.fromarray(np.round(film * 255).astype(np.uint8)).convert("RGB")
    return Overlay(_compose(plain, Image.fromarray(mixed), prediction, finding, full_scale), full_scale)


class HeatmapWriter:
    """Writes `<image stem>-<Finding>.png` for many images, below one folder.

    An image found in a subfolder gets the same subfolder here. Where two images of a folder share
    their stem, the later ones keep their whole file name, so that no picture overwrites another.

    Args:
        folder: made when the first picture is written.
        findings: to draw; none means those present at their threshold.
    """

    def __init__(self, folder: Path, findings: Sequence[str] = ()) -> None:
        self._folder = folder
        self._findings = tuple(findings)
        self._taken: set[Path] = set()

    def write(self, name: Path, radiograph: Radiograph, prediction: Prediction) -> list[Path]:
        """Draw one image's findings; the files written.

        Args:
            name: the image's path relative to the folder it was found in.
            radiograph: the film.
            prediction: of that film.
        """
        present = [finding.finding for finding in prediction.findings if finding.present]
        wanted = self._findings or present
        base = self._free(self._folder / name)
        written = []
        for finding in wanted:
            path = base.with_name(f"{base.name}-{finding}.png")
            path.parent.mkdir(parents=True, exist_ok=True)
            overlay(radiograph, prediction, finding).picture.save(path)
            written.append(path)
        return written

    def _free(self, path: Path) -> Path:
        base = path.with_suffix("")
        attempt = 1
        while base in self._taken:
            base = path if attempt == 1 else path.with_name(f"{path.name}-{attempt}")
            attempt += 1
        self._taken.add(base)
        return base


def _shown(radiograph: Radiograph) -> Float32[np.ndarray, "height width"]:
    """The image at its size on the screen, its pixels as high and as wide as they are on the detector."""
    height, width = radiograph.pixels.shape
    height *= radiograph.pixel_aspect_ratio
    scale = min(1.0, LONGEST_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    image = Image.fromarray(radiograph.pixels).resize(size, Image.Resampling.BILINEAR)
    return np.clip(np.asarray(image, dtype=np.float32), 0, 1)


def _compose(
    plain: Image.Image, mixed: Image.Image, prediction: Prediction, finding: str, full_scale: float
) -> Image.Image:
    width, height = plain.size
    title = _font(22)
    small = _font(14)
    top, bottom = 58, 54
    # The caption must fit however narrow the film is.
    total = max(2 * width + 3 * _MARGIN + _BAR, 760)
    canvas = Image.new("RGB", (total, max(height, 220) + top + bottom), _BACKGROUND)
    draw = ImageDraw.Draw(canvas)
    shown = _TEXT if prediction[finding].validated else _QUIET
    draw.text((_MARGIN, 14), _headline(prediction[finding]), fill=shown, font=title)
    canvas.paste(plain, (_MARGIN, top))
    canvas.paste(mixed, (2 * _MARGIN + width, top))
    if prediction.maps_are == "mean":
        words = "at threshold" if prediction[finding].threshold is not None else "even odds", "log odds"
    else:
        words = "adds nothing", "map"
    _draw_bar(canvas, (3 * _MARGIN + 2 * width, top), max(height, 220), full_scale, words)
    model = prediction.model
    foot = canvas.height - bottom + 8
    draw.text(
        (_MARGIN, foot), f"{model.name} {model.version}  sha256 {model.sha256[:12]}", fill=_TEXT, font=small
    )
    draw.text((_MARGIN, foot + 20), NOTICE, fill=_TEXT, font=small)
    return canvas


def _headline(finding: FindingPrediction) -> str:
    name = display_name(finding.finding)
    text = f"{name}: probability {finding.probability:.0%}"
    if not finding.validated:
        return f"{text}  (too few to tell)"
    if finding.threshold is None:
        return text
    verdict = "present" if finding.present else "not present"
    return f"{text}, {verdict} at threshold {finding.threshold:.0%}"


def _draw_bar(
    canvas: Image.Image, corner: tuple[int, int], height: int, full_scale: float, words: tuple[str, str]
) -> None:
    left, top = corner
    zero, unit = words
    values = np.linspace(full_scale, -full_scale, height)[:, None].repeat(18, axis=1)
    canvas.paste(Image.fromarray(blend(np.full(values.shape, 0.35), values, full_scale)), (left, top))
    draw = ImageDraw.Draw(canvas)
    font = _font(13)
    marks = ((0.0, f"+{full_scale:.1f}", "for"), (0.5, "0", zero), (1.0, f"-{full_scale:.1f}", "against"))
    for share, value, meaning in marks:
        y = top + share * (height - 1)
        draw.line((left + 18, y, left + 24, y), fill=_TEXT)
        offset = (0, -16, -32)[round(share * 2)]
        draw.multiline_text((left + 28, y + offset), f"{value}\n{meaning}", fill=_TEXT, font=font, spacing=2)
    draw.text((left, top + height + 6), unit, fill=_TEXT, font=font)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
