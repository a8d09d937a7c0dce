from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chexnet
from chexnet.classifier.overlay import AGAINST, FOR, LONGEST_SIDE, HeatmapWriter, blend, overlay, upscale
from chexnet.radiograph import Radiograph


@pytest.fixture(scope="module")
def classifier() -> chexnet.Classifier:
    return chexnet.load()


def radiograph(height: int, width: int) -> Radiograph:
    ramp = np.linspace(0, 1, height * width, dtype=np.float32).reshape(height, width)
    return Radiograph(pixels=ramp, source="ramp.png", file_format="PNG")


def bilinear(layer: np.ndarray, y: float, x: float) -> float:
    """Value at a place given in cells, with half-cell centres and repeated edges: the slow, obvious way."""
    y, x = np.clip(y - 0.5, 0, layer.shape[0] - 1), np.clip(x - 0.5, 0, layer.shape[1] - 1)
    top, left = int(y), int(x)
    bottom, right = min(top + 1, layer.shape[0] - 1), min(left + 1, layer.shape[1] - 1)
    upper = layer[top, left] * (1 - (x - left)) + layer[top, right] * (x - left)
    lower = layer[bottom, left] * (1 - (x - left)) + layer[bottom, right] * (x - left)
    return float(upper * (1 - (y - top)) + lower * (y - top))


@given(st.integers(0, 2**32 - 1), st.integers(7, 90), st.integers(7, 90))
def test_upscaling_is_bilinear_between_the_centres_of_the_cells(seed: int, height: int, width: int) -> None:
    layer = np.random.default_rng(seed).normal(size=(7, 7)).astype(np.float32)
    expected = [
        [bilinear(layer, (row + 0.5) * 7 / height, (column + 0.5) * 7 / width) for column in range(width)]
        for row in range(height)
    ]
    # float32 weights in the library, float64 here
    np.testing.assert_allclose(upscale(layer, height, width), expected, atol=1e-4)


def test_where_there_is_no_evidence_the_film_stays_as_it_is() -> None:
    grey = np.linspace(0, 1, 256, dtype=np.float32)[None]
    mixed = blend(grey, np.zeros_like(grey), 1.0)
    np.testing.assert_array_equal(mixed, np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, axis=2))


def test_evidence_for_and_against_pull_towards_their_own_hue() -> None:
    grey = np.full((1, 2), 0.5, dtype=np.float32)
    mixed = blend(grey, np.array([[2.0, -2.0]], dtype=np.float32), 2.0).astype(int)
    for pixel, hue in zip(mixed[0], (FOR, AGAINST), strict=True):
        assert np.abs(pixel - hue).sum() < np.abs(128 - np.array(hue)).sum()


def test_stronger_evidence_never_shows_weaker() -> None:
    strength = np.linspace(0, 3, 50, dtype=np.float32)[None]
    orange = blend(np.zeros_like(strength), strength, 3.0)[0, :, 0].astype(int)
    assert (np.diff(orange) >= 0).all()
    assert orange[-1] > orange[0]


@pytest.mark.parametrize(("height", "width"), [(64, 64), (40, 400), (900, 35), (1500, 1200)])
def test_a_picture_of_any_shape_holds_film_map_and_bar(
    classifier: chexnet.Classifier, height: int, width: int
) -> None:
    film = radiograph(height, width)
    picture = overlay(film, classifier.predict(film, gate=False), "Pneumonia").picture
    scale = min(1, LONGEST_SIDE / max(height, width))
    assert picture.width >= 2 * round(width * scale)
    assert picture.height >= round(height * scale)
    assert picture.mode == "RGB"


def test_a_nearly_flat_map_is_not_stretched_into_a_strong_one(classifier: chexnet.Classifier) -> None:
    film = radiograph(64, 64)
    prediction = classifier.predict(film, gate=False)
    assert overlay(film, prediction, "Mass").full_scale >= 1.0


def test_heat_maps_are_named_by_image_and_finding(classifier: chexnet.Classifier, tmp_path: Path) -> None:
    film = radiograph(64, 64)
    written = HeatmapWriter(tmp_path / "maps", ["Mass", "Edema"]).write(
        Path("film.png"), film, classifier.predict(film, gate=False)
    )
    assert [path.relative_to(tmp_path) for path in written] == [
        Path("maps/film-Mass.png"),
        Path("maps/film-Edema.png"),
    ]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in written)


def test_no_picture_overwrites_another(classifier: chexnet.Classifier, tmp_path: Path) -> None:
    film = radiograph(64, 64)
    prediction = classifier.predict(film, gate=False)
    writer = HeatmapWriter(tmp_path, ["Mass"])
    names = ["a/film.png", "b/film.png", "a/film.dcm", "a/film.dcm"]
    written = [path for name in names for path in writer.write(Path(name), film, prediction)]
    assert [str(path.relative_to(tmp_path)) for path in written] == [
        "a/film-Mass.png",
        "b/film-Mass.png",
        "a/film.dcm-Mass.png",
        "a/film.dcm-2-Mass.png",
    ]


def test_without_a_wish_the_present_findings_are_drawn(
    classifier: chexnet.Classifier, tmp_path: Path
) -> None:
    film = radiograph(64, 64)
    prediction = classifier.predict(film, gate=False)
    written = HeatmapWriter(tmp_path).write(Path("film.png"), film, prediction)
    present = [finding.finding for finding in prediction.findings if finding.present]
    assert [path.name for path in written] == [f"film-{finding}.png" for finding in present]


def test_the_headline_of_a_finding_that_is_not_validated_is_grey(
    classifier: chexnet.Classifier, example_film: Path
) -> None:
    film = chexnet.read_radiograph(example_film)
    prediction = classifier.predict(film, gate=False)
    brightest = {}
    for validated in (True, False):
        findings = tuple(replace(finding, validated=validated) for finding in prediction.findings)
        picture = overlay(film, replace(prediction, findings=findings), "Pneumonia").picture
        brightest[validated] = np.asarray(picture)[:50].max()
    assert brightest[False] < 160 < brightest[True]
