"""The last stage: everything that the others left, in one page."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from chexnet._files import write_whole
from chexnet._options import Progress
from chexnet.evaluation import ReaderComparison
from chexnet.report import (
    Results,
    evaluation_from_json,
    localisation_from_json,
    readers_from_json,
    report_page,
)
from chexnet.reproduction.data_stages import INVENTORY
from chexnet.reproduction.experiment import PACK, Experiment
from chexnet.reproduction.records import Stage, read_record

_REPORT = "report.html"
_NOT_TRAINED = "The network of the pneumonia task was not trained."


def report_stage(experiment: Experiment, before: Sequence[str], is_current: Callable[[str], bool]) -> Stage:
    """Gather what the stages `before` left, as far as it is current."""

    def run(folder: Path, _progress: Progress) -> None:
        done = [name for name in before if is_current(name)]
        write_whole(folder / _REPORT, report_page(_results(experiment, before, done)))

    return Stage(
        "report",
        "gather everything in one page",
        run,
        settings={"quick": experiment.config.quick, "networks": experiment.config.networks},
        needs=("check", *(f"split-{task}" for task in experiment.tasks)),
        uses=tuple(before),
    )


def _results(experiment: Experiment, names: Sequence[str], done: Sequence[str]) -> Results:
    # Imported here, as torch takes seconds and help needs none.
    from chexnet.training import read_metrics

    output, networks = experiment.output, experiment.config.networks
    records = {name: record for name in done if (record := read_record(output / name))}
    trained = [name for name in networks if f"train-{name}" in done]

    def each(verb: str, file: str) -> dict[str, Mapping[str, Any]]:
        stages = {network: f"{verb}-{network}" for network in networks}
        return {name: _read(output / stage / file) for name, stage in stages.items() if stage in done}

    localised = each("localise", "localisation.json")
    figure_2 = output / "figure-2" / "figure-2.png"
    return Results(
        quick=experiment.config.quick,
        data=_read(output / "check" / INVENTORY),
        splits={task: records[f"split-{task}"].details for task in experiment.tasks},
        audits=records["audit"].details if "audit" in done else {},
        packed=records[PACK].details if PACK in done else None,
        evaluations={
            name: evaluation_from_json(one) for name, one in each("evaluate", "evaluation.json").items()
        },
        commands={name: records[f"train-{name}"].details["command"] for name in trained},
        metrics={name: read_metrics(output / f"train-{name}") for name in trained},
        boxed={name: one["counts"] for name, one in localised.items()},
        localisations={
            name: localisation_from_json(one["localisation"])
            for name, one in localised.items()
            if "localisation" in one
        },
        readers=_readers(output / "table-1" / "table-1.json") if "table-1" in done else _NOT_TRAINED,
        figure_2=(_read(figure_2.with_suffix(".json"))["panels"], figure_2.read_bytes())
        if "figure-2" in done and figure_2.is_file()
        else None,
        left_out=[name for name in names if name not in done],
        software={name: record.software for name, record in records.items()},
    )


def _readers(path: Path) -> ReaderComparison | str:
    found = _read(path)
    return str(found["missing"]) if "missing" in found else readers_from_json(found)


def _read(path: Path) -> Mapping[str, Any]:
    content: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content
