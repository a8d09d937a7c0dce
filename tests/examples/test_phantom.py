"""The synthetic thorax: its ray sums against quadrature and closed forms, its film, the embedded examples."""

import csv
import math
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from chexnet.examples import EXAMPLES, NORMAL_PNG, OPACITY_DICOM, OPACITY_PNG, example_path
from chexnet.examples.making import OPACITY, SEED, dicom_image, example_phantom, write_examples
from chexnet.examples.phantom import Anatomy, Opacity, Phantom, thorax_phantom
from chexnet.examples.phantom.film import exposed
from chexnet.examples.phantom.lungs import ball
from chexnet.examples.phantom.rays import FIELD_MM, Grid
from chexnet.examples.phantom.rods import Rods, curve, ray_sum_of_rods
from chexnet.examples.phantom.skeleton import bone
from chexnet.examples.phantom.solids import Span, ellipsoid, spline, thickness_outside
from chexnet.examples.phantom.thorax import ClearThorax, clouding, ray_sums, texture
from chexnet.radiograph import read_radiograph

AVERAGE = Anatomy()
ZONES = [(side, zone) for side in ("right", "left") for zone in ("upper", "middle", "lower")]

lengths = st.floats(5.0, 60.0)
places = st.floats(-40.0, 40.0)


def depths(count: int = 20001) -> np.ndarray:
    return np.linspace(-200, 200, count)


@cache
def noiseless(size: int, seed: int) -> Phantom:
    """Drawn once for all tests, since every film takes the better part of a second."""
    return thorax_phantom(size, seed=seed, quanta_per_mm2=math.inf)


@cache
def smallest() -> Phantom:
    """As few pixels as a film may have; otherwise it is the example with the opacity."""
    return thorax_phantom(32, seed=SEED, opacity=OPACITY)


def shipped(name: str) -> Phantom:
    """An embedded example, as its file shows it."""
    pixels = read_radiograph(example_path(name)).pixels
    return Phantom(pixels, FIELD_MM / len(pixels), None)


def coarse(pixels: np.ndarray, by: int) -> np.ndarray:
    side = len(pixels) // by
    return pixels.reshape(side, by, side, by).mean(axis=(1, 3))


def at(phantom: Phantom, x_mm: float, z_mm: float, radius_mm: float = 4) -> float:
    """Mean grey value around a place in the film's millimetres."""
    middle = FIELD_MM / 2
    column, row = (middle + x_mm) / phantom.pixel_spacing_mm, (middle - z_mm) / phantom.pixel_spacing_mm
    reach = radius_mm / phantom.pixel_spacing_mm
    rows, columns = (
        slice(int(row - reach), int(row + reach) + 1),
        slice(int(column - reach), int(column + reach) + 1),
    )
    return float(phantom.pixels[rows, columns].mean())


# --- Ray sums ---


@given(x=places, z=places, rx=lengths, ry=lengths, rz=lengths, tilt=st.floats(-90, 90))
def test_the_ray_sum_of_an_ellipsoid_is_the_length_of_the_ray_inside_it(x, z, rx, ry, rz, tilt):
    turn = math.radians(tilt)
    u, w = x * math.cos(turn) + z * math.sin(turn), z * math.cos(turn) - x * math.sin(turn)
    y = depths()
    inside = (u / rx) ** 2 + ((y - 7) / ry) ** 2 + (w / rz) ** 2 < 1
    span = ellipsoid(np.array([[x]]), np.array([[z]]), (0, 7, 0), (rx, ry, rz), tilt)
    # Counting steps of 0.02 mm misses at most one at each end.
    assert span.thickness.item() == pytest.approx(inside.sum() * (y[1] - y[0]), abs=0.05)


def test_the_ray_through_the_centre_of_a_ball_is_its_diameter():
    assert ellipsoid(np.zeros(1), np.zeros(1), (0, 0, 0), (12, 12, 12)).thickness == pytest.approx(24)


@given(st.lists(st.tuples(st.floats(-90, 90), st.floats(-90, 90)), min_size=1, max_size=5))
def test_thickness_outside_others_counts_each_stretch_of_the_ray_once(ends):
    y = depths()
    first, *rest = [Span(np.array([back]), np.array([front])) for back, front in ends]
    oracle = first.holds(y) & ~np.any([np.zeros_like(y, bool), *(span.holds(y) for span in rest)], axis=0)
    # Each of the ten ends is off by at most one step of 0.02 mm.
    assert thickness_outside(first, rest).item() == pytest.approx(oracle.sum() * (y[1] - y[0]), abs=0.2)


def straight_rod(direction: np.ndarray, high: float, wide: float) -> Rods:
    ends = np.stack([-20 * direction, 20 * direction])
    return Rods.along(ends, np.array([high], float), np.array([wide], float), 1.0)


@settings(max_examples=30, deadline=None)
@given(azimuth=st.floats(0, 360), height=st.floats(-0.85, 0.85), high=st.floats(3, 15), wide=st.floats(3, 15))
def test_the_ray_sum_of_a_rod_is_the_length_of_each_ray_inside_it(azimuth, height, high, wide):
    flat = math.sqrt(1 - height**2)
    way = np.array([flat * math.cos(math.radians(azimuth)), flat * math.sin(math.radians(azimuth)), height])
    upper = np.array([0, 0, 1]) - height * way
    upper /= np.linalg.norm(upper)
    grid = Grid(np.linspace(-27.1, 26.3, 9), np.linspace(26.7, -26.9, 9))
    x, z, y = np.meshgrid(grid.x, grid.z, np.linspace(-40, 40, 4001))

    def length(grown: float) -> np.ndarray:
        along, up, across = (
            axis[0] * x + axis[1] * y + axis[2] * z for axis in (way, upper, np.cross(way, upper))
        )
        section = (up / (high + grown)) ** 2 + (across / (wide + grown)) ** 2
        return ((np.abs(along) < 20 + grown) & (section < 1)).sum(axis=2) * 0.02

    # Rounding decides about a ray that grazes the rod, so one 0.01 mm thinner and one 0.01 mm thicker enclose
    # the answer; both lengths are counted to within two steps.
    film = ray_sum_of_rods(straight_rod(way, high, wide), grid)
    assert (film > length(-0.01) - 0.05).all()
    assert (film < length(0.01) + 0.05).all()


def test_a_bent_rods_ray_sums_add_up_to_its_volume():
    path = curve([(-60, -30, -40), (-30, 50, 20), (20, -40, 45), (60, 10, -20)], 60)
    rod = Rods.along(path, np.full(59, 6.0), np.full(59, 4.0), 1.0)
    grid = Grid(np.linspace(-90, 90, 721), np.linspace(90, -90, 721))
    length = np.linalg.norm(np.diff(path, axis=0), axis=1).sum()
    # What a cut takes inside a bend it gives outside, so the volume is the section times the length; the sum
    # over pixels of a shape with sharp ends is good to some tenths of a percent.
    assert ray_sum_of_rods(rod, grid).sum() * 0.25**2 == pytest.approx(np.pi * 6 * 4 * length, rel=5e-3)


def test_pieces_that_meet_at_a_corner_neither_overlap_nor_leave_a_gap():
    corner = np.array([[-30.0, 0, 30], [0, 0, 0], [30, 0, 30]])
    rod = Rods.along(corner, np.full(2, 8.0), np.full(2, 8.0), 1.0)
    offsets = np.linspace(-7, 7, 15)
    film = ray_sum_of_rods(rod, Grid(np.zeros(1), -offsets))[:, 0]
    # On the line that halves a right angle, both axes are as far as the offset times the sine of 45 degrees.
    assert film == pytest.approx(2 * np.sqrt(64 - offsets**2 / 2), rel=1e-5)


def test_a_rod_that_runs_along_the_rays_is_as_thick_as_it_is_long():
    film = ray_sum_of_rods(straight_rod(np.array([0.0, 1.0, 0.0]), 6, 6), Grid(np.zeros(1), np.zeros(1)))
    assert film.item() == pytest.approx(40, rel=1e-6)


def test_rods_beyond_the_film_add_nothing_to_it():
    grid = Grid(np.linspace(-10, 10, 21), np.linspace(10, -10, 21))
    rod = Rods.along(curve([(50, 0, 0), (90, 0, 30)], 10), np.full(9, 5.0), np.full(9, 5.0), 1.0)
    assert not ray_sum_of_rods(rod, grid).any()


def test_a_bones_cortex_is_brightest_where_the_ray_grazes_it():
    rod = bone(np.array([[-60.0, 0, 0], [60.0, 0, 0]]), (8,), (8,), (1.0,))
    column = ray_sum_of_rods(rod, Grid(np.zeros(1), np.linspace(8, -8, 1601)))[:, 0]
    # A shell is longest along the ray that touches its inner wall.
    assert np.linspace(8, -8, 1601)[column.argmax()] == pytest.approx(7, abs=0.05)


@given(x=places, z=places, radius=lengths)
def test_the_opacitys_ray_sum_is_the_integral_of_its_density(x, z, radius):
    grid = Grid(np.array([x]), np.array([z]))
    y = depths()
    density = np.maximum(1 - (x**2 + y**2 + z**2) / radius**2, 0)
    oracle = 0.7 * np.trapezoid(density, y)
    # The trapezoid rule on 0.02 mm, and single precision.
    assert ball(grid, Opacity(0.0, 0.0, radius, 0.7)).item() == pytest.approx(oracle, abs=1e-3)


def test_a_spline_passes_through_its_points_and_stays_level_beyond_them():
    table = [(0, 3), (1, 5), (4, -2), (6, 0)]
    assert [float(spline(knot, table)) for knot, _ in table] == pytest.approx([value for _, value in table])
    assert [float(spline(beyond, table)) for beyond in (-9.0, 99.0)] == pytest.approx([3, 0])


def test_a_uniform_slab_transmits_as_beer_and_lambert_say():
    primary = np.full((64, 64), math.exp(-2.0), np.float32)
    signal = exposed(primary, 1.0, math.inf, np.random.default_rng(0))
    # A twentieth of what scatters, 2 exp(-2), joins the primary exp(-2); blurs keep a uniform field.
    assert signal == pytest.approx(math.exp(-2.0) * (1 + 0.05 * 2), rel=1e-5)


def test_noise_is_that_of_the_quanta_counted():
    primary = np.ones((256, 256), np.float32)
    signal = exposed(primary, 0.5, 4000.0, np.random.default_rng(0))
    # 1,000 quanta a pixel; the deviation of 65,536 draws is known to 0.3 % (one sigma).
    assert signal.std() == pytest.approx(1000**-0.5, rel=0.015)


@cache
def clear_thorax() -> ClearThorax:
    return ClearThorax.drawn(AVERAGE.rays(256), AVERAGE, np.random.default_rng(3))


def test_an_opacity_only_ever_adds_to_the_ray_sum():
    clear = clear_thorax().total.clip(0)
    clouded = ray_sums(256, AVERAGE, OPACITY, np.random.default_rng(3))
    assert (clouded.total >= clear).all()
    # Everything else is the same body: single precision of sums up to about 6.
    np.testing.assert_allclose(clouded.total - clear, clouded.opacity, atol=2e-6)


@pytest.mark.parametrize(("side", "zone"), ZONES)
def test_every_zone_has_room_for_an_opacity_which_fills_no_more_than_that(side, zone):
    grid, room = AVERAGE.rays(256), clear_thorax().room
    added = clouding(Opacity.in_zone(side, zone), grid, room, np.random.default_rng(4))
    assert added.max() > 0.3
    assert (added >= 0).all()
    assert (added <= room).all()
    # The patient's right is the film's left.
    assert {"right": grid.x < 0, "left": grid.x > 0}[side][added.any(axis=0)].all()


def test_the_same_draw_gives_the_same_texture_at_every_size():
    small, large = (texture(size, 1.2, np.random.default_rng(5)) for size in (256, 512))
    # The larger grid holds the smaller one's points; the field is band limited below both.
    assert large[::2, ::2] == pytest.approx(small, abs=1e-3)


# --- The film ---


@pytest.mark.parametrize("size", [32, 171])
def test_a_film_is_square_finite_and_between_black_and_white(size):
    film = smallest() if size == 32 else noiseless(size, 1)
    assert film.pixels.shape == (size, size)
    assert film.pixels.dtype == np.float32
    assert np.isfinite(film.pixels).all()
    assert film.pixels.min() >= 0
    assert film.pixels.max() <= 1
    assert film.pixel_spacing_mm * size == pytest.approx(FIELD_MM)


def test_another_seed_gives_another_body():
    # That the same seed gives the same film, noise and all, the shipped examples prove.
    other = coarse(shipped(NORMAL_PNG).pixels, 3)
    assert np.abs(noiseless(256, 0).pixels - other).mean() > 0.02


def test_a_small_film_is_the_large_one_seen_coarsely():
    large, small = noiseless(512, 0).pixels, noiseless(256, 0).pixels
    # A mean of logarithms is not the logarithm of a mean, but only at edges is the difference seen.
    assert np.abs(coarse(large, 2) - small).mean() < 0.005


def test_an_opacity_changes_the_film_in_its_box_and_hardly_elsewhere():
    # Both films are of one body, with one draw of noise.
    clear, clouded = example_phantom(NORMAL_PNG), example_phantom(OPACITY_PNG)
    x, y, width, height = clouded.opacity_box
    change = clouded.pixels - clear.pixels
    rows, columns = slice(int(y), math.ceil(y + height)), slice(int(x), math.ceil(x + width))
    assert change[rows, columns].mean() > 0.04
    assert change[rows, columns].max() > 0.1
    change[rows, columns] = 0
    # What is left is less scatter, the halo of edge enhancement, and the rim below a tenth of the peak.
    assert np.abs(change).max() < 0.04
    assert np.abs(change).mean() < 0.002


def test_an_opacitys_box_has_its_place_in_the_body_at_every_size():
    small, large = smallest(), example_phantom(OPACITY_PNG)
    small_mm, large_mm = (np.array(film.opacity_box) * film.pixel_spacing_mm for film in (small, large))
    # Drawn from 512 and 768 rays a side: an edge may move by a ray of either, a width by twice that.
    ray_mm = FIELD_MM / 512 + FIELD_MM / 768
    assert (np.abs(small_mm - large_mm) <= [ray_mm, ray_mm, 2 * ray_mm, 2 * ray_mm]).all()
    assert noiseless(256, 0).opacity_box is None


@pytest.mark.parametrize(
    "drawn",
    [lambda: noiseless(256, 0), lambda: noiseless(171, 1), lambda: shipped(NORMAL_PNG)],
    ids=["seed 0", "seed 1", "example"],
)
def test_a_film_shows_what_a_frontal_chest_film_shows(drawn):
    film = drawn()
    right_lung, left_lung = at(film, -75, 60), at(film, 75, 60)
    heart, liver, air = at(film, 40, -45), at(film, -70, -120), at(film, 130, 178)
    assert air < 0.15 < max(right_lung, left_lung) < 0.6 < heart
    assert liver > heart - 0.1
    # The heart lies to the patient's left, and the right half of the diaphragm is the higher one.
    assert at(film, 62, -35) > at(film, -62, -35) + 0.1
    right_dome, left_dome = ([at(film, s * 90, z, 1) for z in range(-20, -110, -4)] for s in (-1, 1))
    assert np.argmax(np.diff(right_dome)) <= np.argmax(np.diff(left_dome))


def test_the_trachea_is_darker_than_what_lies_beside_it():
    film = noiseless(512, 0)
    assert at(film, -2, 125, 3) < min(at(film, -24, 125, 3), at(film, 24, 125, 3)) - 0.05


def test_the_word_synthetic_is_burned_in():
    film = noiseless(512, 0).pixels
    word = film[10:40, 10:140]
    # The corner is air, black but for letters that cover about a third of their box.
    assert word.max() == pytest.approx(0.85)
    assert 0.08 < (word > 0.8).mean() < 0.5
    assert (word < 0.2).mean() > 0.4


def test_a_film_has_the_grey_values_of_real_ones(data_dir):
    with (data_dir / "chestxray14" / "Data_Entry_2017_v2020.csv").open(newline="") as table:
        normal = {
            row["Image Index"]
            for row in csv.DictReader(table)
            if row["Finding Labels"] == "No Finding" and row["View Position"] == "PA"
        }
    paths = sorted(path for path in (data_dir / "chestxray14" / "images").iterdir() if path.name in normal)[
        ::6
    ]
    levels = [0.1, 0.25, 0.5, 0.75, 0.9]
    real = np.array([np.quantile(read_radiograph(path).pixels, levels) for path in paths])
    films = (noiseless(256, 0), noiseless(171, 1), shipped(NORMAL_PNG))
    ours = np.mean([np.quantile(film.pixels, levels) for film in films], axis=0)
    assert len(paths) > 30
    # The average phantom is within one deviation of the real films' spread at every level.
    assert (np.abs(ours - real.mean(axis=0)) < real.std(axis=0)).all()


@pytest.mark.parametrize("size", [31, 0, -5])
def test_a_film_too_small_to_show_a_chest_is_refused(size):
    with pytest.raises(ValueError, match="at least 32 pixels"):
        thorax_phantom(size)


def test_an_opacity_outside_the_lungs_is_refused():
    with pytest.raises(ValueError, match="no lung at"):
        thorax_phantom(64, opacity=Opacity(0.0, -170.0, 10.0))


@pytest.mark.parametrize(
    "wrong", [{"radius_mm": 0.0}, {"contrast": 0.0}, {"contrast": 1.5}, {"radius_mm": math.nan}]
)
def test_an_impossible_opacity_cannot_be_made(wrong):
    with pytest.raises(ValueError, match="an opacity needs"):
        Opacity(0.0, 0.0, **wrong)


def test_an_impossible_body_cannot_be_made():
    with pytest.raises(ValueError, match=r"between 0\.5 and 2"):
        Anatomy(width=0.0)


def test_the_phantom_needs_neither_a_training_framework_nor_scipy():
    code = "import sys, chexnet.examples.phantom; print(*{'torch', 'scipy', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


# --- The embedded examples ---


def test_every_example_is_there_and_small():
    for name in EXAMPLES:
        limit = 700_000 if name.endswith(".dcm") else 400_000
        assert 10_000 < example_path(name).stat().st_size <= limit


def test_an_unknown_example_is_refused_with_the_names_of_those_there_are():
    with pytest.raises(ValueError, match=NORMAL_PNG):
        example_path("patient.png")


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """The examples, made anew."""
    folder = tmp_path_factory.mktemp("examples")
    write_examples(folder)
    return folder


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_are_what_the_phantom_draws(name, made):
    there, anew = read_radiograph(example_path(name)).pixels, read_radiograph(made / name).pixels
    # One grey level: processors round differently in the last place.
    assert np.abs(there - anew).max() * (4095 if name.endswith(".dcm") else 255) <= 1.01


def test_making_the_dicom_example_twice_gives_the_same_bytes(made, tmp_path):
    again = tmp_path / OPACITY_DICOM
    dicom_image(example_phantom(OPACITY_DICOM)).save_as(again, enforce_file_format=True)
    assert again.read_bytes() == (made / OPACITY_DICOM).read_bytes()


@pytest.mark.parametrize("name", [NORMAL_PNG, OPACITY_PNG])
def test_a_png_example_says_that_it_is_synthetic(name):
    with Image.open(example_path(name)) as picture:
        assert picture.mode == "L"
        assert "No patient" in picture.text["Description"]
        assert "thorax_phantom" in picture.text["Source"]


def test_the_dicom_example_names_no_patient_and_says_that_it_is_synthetic():
    image = pydicom.dcmread(example_path(OPACITY_DICOM))
    assert (image.PatientName, image.PatientID) == ("SYNTHETIC^THORAX", "SYNTHETIC")
    assert (image.PhotometricInterpretation, image.BitsStored) == ("MONOCHROME1", 12)
    assert "No patient" in image.DerivationDescription
    uids = (image.StudyInstanceUID, image.SeriesInstanceUID, image.SOPInstanceUID)
    assert len(set(uids)) == 3
    assert all(uid.is_valid and uid.startswith("2.25.") for uid in uids)


def test_the_dicom_example_shows_the_same_film_as_the_png():
    png, dicom = (read_radiograph(example_path(name)).pixels for name in (OPACITY_PNG, OPACITY_DICOM))
    # Half a level of 8 bits and half a level of 12 bits.
    assert np.abs(png - dicom).max() <= 0.5 / 255 + 0.5 / 4095 + 1e-6


def test_the_two_examples_differ_where_the_opacity_is():
    clear, clouded = (read_radiograph(example_path(name)).pixels for name in (NORMAL_PNG, OPACITY_PNG))
    x, y, width, height = (round(edge) for edge in example_phantom(OPACITY_PNG).opacity_box)
    change = clouded - clear
    assert change[y : y + height, x : x + width].mean() > 20 * np.abs(change).mean() / 2
    assert x + width < 384 < y + height


def test_the_dicom_example_is_a_valid_digital_x_ray_image():
    validator = shutil.which("dciodvfy")
    if validator is None:
        pytest.skip("dciodvfy is not installed (Debian: dicom3tools)")
    done = subprocess.run(
        [validator, example_path(OPACITY_DICOM)], capture_output=True, text=True, check=False
    )
    assert "DXImageForPresentation" in done.stdout + done.stderr
    assert "Error" not in done.stdout + done.stderr
