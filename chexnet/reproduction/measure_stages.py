"""The stages that measure: Tables 1 and 2, Figure 2, localisation. Each leaves numbers as JSON."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from chexnet._options import Progress
from chexnet.datasets import ChestXray14
from chexnet.evaluation import (
    EvaluateOptions,
    ReadersOptions,
    compare_readers,
    draw_film,
    evaluate,
    find_reader_thresholds,
    find_thresholds,
    localise_films,
    read_study,
    run_maps,
)
from chexnet.leakage import TRAINING_IDS, find_training_images
from chexnet.paper import PATHOLOGIES
from chexnet.report import (
    TITLES,
    evaluation_json,
    film_figure,
    localisation_json,
    readers_json,
    save,
    write_json,
    write_report,
)
from chexnet.reproduction.config import RECIPES
from chexnet.reproduction.experiment import Data, Experiment, Trained, existing
from chexnet.reproduction.records import Stage
from chexnet.statistics import localise as score_map
from chexnet.tables import Boxes, ColumnNames, read_boxes, read_predictions

_PANELS = ("Pneumonia", "Nodule", "Mass", "Pneumothorax", "Effusion", "Cardiomegaly")
"""What Figure 2 shows, (a) to (f)."""

_NAMES = ColumnNames()


def evaluate_stage(experiment: Experiment, network: str, is_current: Callable[[str], bool]) -> Stage:
    """Measure a network on its test part; earlier systems are compared with CheXNet where it is trained.

    Args:
        is_current: whether what a stage left can be used, by the stage's name.
    """
    trained = experiment.trained(network)
    task = RECIPES[network].task
    options = experiment.config.evaluation(
        "70 / 10 / 20 by patient" if task == "pathologies" else "pneumonia task"
    )
    others = ["train-chexnet"] if network in ("wang2017", "yao2017") else []

    def run(folder: Path, progress: Progress) -> None:
        compared = bool(others) and is_current(others[0])
        against = experiment.trained("chexnet") if compared else None
        _measure(trained, experiment.data, options, against, folder, progress)

    return Stage(
        f"evaluate-{network}",
        f"measure {TITLES[network]} on its test part",
        run,
        settings={"samples": options.samples, "seed": options.seed, "films": {"there": experiment.listing}},
        sources=experiment.data.sources(),
        needs=(f"train-{network}",),
        uses=tuple(others),
    )


def table_1_stage(experiment: Experiment) -> Stage:
    """Compare the pneumonia network with radiologists."""
    trained, data = experiment.trained("pneumonia"), experiment.data
    return Stage(
        "table-1",
        "compare with radiologists",
        lambda folder, _: _compare_with_readers(trained, data, folder),
        settings=_resampled(experiment),
        sources=data.table() | existing(readings=data.readings),
        needs=("train-pneumonia",),
    )


def figure_2_stage(experiment: Experiment) -> Stage:
    """Draw the panels of Figure 2."""
    trained, data = experiment.trained("chexnet"), experiment.data
    return Stage(
        "figure-2",
        "draw activation maps",
        lambda folder, _: _draw_figure_2(trained, data, folder),
        settings={"boxes_finding": data.boxes_finding, "films": {"there": experiment.listing}},
        sources=data.table() | existing(boxes=data.boxes),
        needs=("train-chexnet",),
    )


def localise_stage(experiment: Experiment, network: str) -> Stage:
    """Compare a network's maps with radiologists' boxes."""
    trained, data = experiment.trained(network), experiment.data
    return Stage(
        f"localise-{network}",
        f"compare the maps of {TITLES[network]} with boxes",
        lambda folder, _: _localise(trained, data, folder),
        settings=_resampled(experiment) | {"boxes_finding": data.boxes_finding},
        sources=data.table() | existing(boxes=data.boxes),
        needs=(f"split-{RECIPES[network].task}", f"train-{network}"),
    )


def _resampled(experiment: Experiment) -> dict[str, Any]:
    config = experiment.config
    samples = config.evaluation("").samples
    return {"samples": samples, "seed": config.seed, "films": {"there": experiment.listing}}


def _measure(
    trained: Trained,
    data: Data,
    options: EvaluateOptions,
    against: Trained | None,
    folder: Path,
    progress: Progress,
) -> None:
    """AUROC and all else of one network on its test part, with a report of its own (Table 2)."""
    labels = ChestXray14(data.root).table
    predictions = read_predictions(trained.predictions("test"), _NAMES, trained.title)
    result = evaluate(
        predictions,
        labels,
        options,
        names=_NAMES,
        thresholds=find_thresholds(
            predictions,
            labels,
            _NAMES,
            given=None,
            validation=trained.predictions("validation"),
            validation_labels=None,
            policy="max_f1",
        ),
        against=None
        if against is None
        else read_predictions(against.predictions("test"), _NAMES, against.title),
        training=find_training_images(trained.folder / TRAINING_IDS, labels, _NAMES),
        progress=progress,
    )
    write_json(evaluation_json(result), folder / "evaluation.json")
    write_report(folder / "report.html", result, figures=folder / "figures")


def _compare_with_readers(trained: Trained, data: Data, folder: Path) -> None:
    """Table 1, where there are readings; otherwise what is missing."""
    if data.readings is None:
        missing = (
            "No radiologists' readings were given. Table 1 needs images that several radiologists have read, "
            "such as the paper's 420, whose readings are not public: a CSV with image, reader and Pneumonia, "
            "as `readings`."
        )
        write_json({"missing": missing}, folder / "table-1.json")
        return
    readings, predictions = read_study(data.readings, trained.predictions("test"), ["Pneumonia"], _NAMES)
    thresholds = find_reader_thresholds(
        {},
        readings,
        validation=trained.predictions("validation"),
        validation_labels=ChestXray14(data.root).table,
        policy="max_f1",
        names=_NAMES,
    )
    options = ReadersOptions(
        samples=trained.resampling.samples, seed=trained.resampling.seed, as_in_paper=True
    )
    result = compare_readers(
        readings,
        replace(predictions, name=trained.title),
        "Pneumonia",
        thresholds.of("Pneumonia"),
        options,
        threshold_source=thresholds.source,
    )
    write_json(readers_json(result), folder / "table-1.json")


def _localise(trained: Trained, data: Data, folder: Path) -> None:
    """Maps against radiologists' boxes, on films of the test part alone."""
    findings = RECIPES[trained.network].findings
    drawn = read_boxes(data.boxes, data.boxes_finding) if data.boxes.is_file() else []
    boxes = [one for one in drawn if one.finding in findings]
    files = ChestXray14(data.root).image_files()
    films = {one.image: files[one.image] for one in boxes if one.image in files}
    tested = trained.test_images()
    used = {name: path for name, path in films.items() if name in tested}
    counts = {
        "boxed_films": len({one.image for one in boxes}),
        "there": len(films),
        "of_the_test_part": len(used),
    }
    content: dict[str, Any] = {"counts": counts}
    if used:
        result = localise_films(
            data.boxes,
            used,
            trained.model,
            labels=ChestXray14(data.root).table,
            finding=data.boxes_finding,
            resampling=trained.resampling,
            only=findings,
        )
        content["localisation"] = localisation_json(result)
    write_json(content, folder / "localisation.json")


def _draw_figure_2(trained: Trained, data: Data, folder: Path) -> None:
    """Films of the test part beside their maps: (a) to (f) of Figure 2, with boxes where there are some.

    For each pathology the film with a box to which the network gives the highest probability; where no
    boxed film is there, the film of that label with the highest.
    """
    boxes = read_boxes(data.boxes, data.boxes_finding) if data.boxes.is_file() else []
    files = ChestXray14(data.root).image_files()
    predictions = read_predictions(trained.predictions("test"))
    panels = []
    for finding in _PANELS:
        shown = _choose(finding, predictions.images, predictions.of(finding), boxes, data)
        if shown is None:
            continue
        image, drawn = shown
        probability = float(predictions.of(finding)[list(predictions.images).index(image)])
        film = draw_film(trained.model, files[image], finding)
        caption = f"{finding}, probability {probability:.2f}"
        if drawn is not None:
            found = run_maps(trained.model, files, [(image, finding)])[image, finding]
            inside = score_map(found, drawn.boxes).pointing
            caption += f"; map's highest point {'inside' if inside else 'outside'} the radiologist's box"
        panels.append(
            (film.picture, caption, {"image": image, "finding": finding, "boxed": drawn is not None})
        )
    content = {"panels": [{**about, "caption": caption} for _, caption, about in panels]}
    write_json(content, folder / "figure-2.json")
    if panels:
        figure = film_figure([picture for picture, _, _ in panels], [caption for _, caption, _ in panels])
        (folder / "figure-2.png").write_bytes(save(figure, "png"))


def _choose(
    finding: str, images: Any, probabilities: np.ndarray, boxes: list[Boxes], data: Data
) -> tuple[str, Boxes | None] | None:
    order = np.argsort(-probabilities, kind="stable")
    boxed = {one.image: one for one in boxes if one.finding == finding}
    for place in order:
        if images[place] in boxed:
            return images[place], boxed[images[place]]
    labels = ChestXray14(data.root).labels()
    column = labels.values[:, list(PATHOLOGIES).index(finding)]
    positive = {name for name, value in zip(labels.images, column, strict=True) if value == 1}
    return next(((images[place], None) for place in order if images[place] in positive), None)
