"""`reproduce`: the stages of the paper's experiment, put together."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from chexnet._files import write_whole
from chexnet._options import Progress
from chexnet.datasets import PackConfig
from chexnet.datasets.chestxray14 import BOXES
from chexnet.evaluation.measures import Resampling
from chexnet.report.reproduction import TITLES, Results, report_page
from chexnet.reproduction import data_stages, measure_stages
from chexnet.reproduction.config import RECIPES, Reproduction
from chexnet.reproduction.data_stages import Data
from chexnet.reproduction.measure_stages import Trained
from chexnet.reproduction.stage import Stage, read_record
from chexnet.reproduction.stages import Outcome, Steps, Watcher, out_of_date, run_stages
from chexnet.reproduction.train_stage import Training, train
from chexnet.training import Hardware

REPORT = "report.html"
PACK = "pack"


def reproduce(
    root: Path,
    output: Path,
    config: Reproduction = Reproduction(),
    hardware: Hardware = Hardware(),
    *,
    steps: Steps = Steps(),
    watcher: Watcher = Watcher(),
    command: str = "",
) -> list[Outcome]:
    """Reproduce the paper from a ChestX-ray14 folder, stage by stage, each into its folder of `output`.

    Where the data set is to be fetched, that comes first, into `root`.

    Args:
        root: the data set as NIH ships it.
        output: receives a folder for each stage, the report as `report/report.html`, and
            `reproduction.json` with versions, hashes, commands and times.
        config: what to reproduce.
        hardware: where trainings happen.
        steps: which stages to run; by default those that are not done.
        watcher: is told how it goes on.
        command: for the record.

    Raises:
        ValueError: the data or the configuration cannot be used.
        TrainingFailed: a training ended without a model.
        KeyboardInterrupt: it was interrupted; the same call goes on.
    """
    if config.download:
        # Before hours of it, whether there are such stages.
        steps.check([stage.name for stage in build_stages(root, output, config, hardware)])
        data_stages.download(root, config)
    stages = build_stages(root, output, config, hardware)
    return run_stages(stages, output, steps, watcher, {"command": command, "data": root.resolve().name})


def build_stages(root: Path, output: Path, config: Reproduction, hardware: Hardware) -> list[Stage]:
    """The stages in their order."""
    return _Plan(root, output, config, hardware).stages()


class _Plan:
    """Which stage reads which."""

    def __init__(self, root: Path, output: Path, config: Reproduction, hardware: Hardware) -> None:
        self.root, self.output, self.config, self.hardware = root, output, config, hardware
        self.data = Data(root, config.boxes or root / BOXES, config.boxes_finding, config.readings)
        self.films = {"there": self.data.listing()}
        # Now, and not after hours of packing.
        # Imported here and below, as torch takes seconds and help needs none.
        from chexnet.training.earlier_runs import weights_file

        self.weights = {network: weights_file(config.recipe(network).weights) for network in config.networks}
        self.built: dict[str, Stage] = {}
        self.resampling = Resampling(samples=config.evaluation("").samples, seed=config.seed)

    def stages(self) -> list[Stage]:
        """The stages in their order."""
        stages = [self._check(), *(self._split(task) for task in self._tasks())]
        stages.append(self._audit())
        if self.config.packed:
            stages.append(self._pack())
        networks = self.config.networks
        stages += [self._train(network) for network in networks]
        stages += [self._evaluate(network) for network in networks]
        if "pneumonia" in networks:
            stages.append(self._table_1())
        if "chexnet" in networks:
            stages.append(self._figure_2())
        stages += [self._localise(network) for network in networks if network != "yao2017"]
        stages.append(self._report(stages))
        self.built = {stage.name: stage for stage in stages}
        return stages

    def _tasks(self) -> list[str]:
        tasks = [RECIPES[network].task for network in self.config.networks]
        return list(dict.fromkeys(tasks))

    def _check(self) -> Stage:
        return Stage(
            "check",
            "compare the data set with its table",
            lambda folder, _: data_stages.check(self.data, self.config, folder),
            settings={"only_present": self.config.selects_present, "films": self.films},
            sources=self.data.sources(),
        )

    def _used_films(self) -> tuple[dict[str, Any], dict[str, Path]]:
        """The settings and the sources that decide which films splits are drawn from."""
        wanted = self.config.wanted_films
        films: dict[str, Any] = {**self.films, "wanted": wanted}
        sources = self.data.table()
        if wanted is not None:
            films |= {"seed": self.config.seed, "boxes_finding": self.data.boxes_finding}
            sources |= self._optional(boxes=self.data.boxes, readings=self.data.readings)
        return {"films": films}, sources

    def _split(self, task: str) -> Stage:
        settings, sources = self._used_films()
        if task == "pneumonia":
            sources |= self._optional(readings=self.data.readings)
        return Stage(
            f"split-{task}",
            f"draw the split of the task {task}",
            lambda folder, _: data_stages.split(task, self.data, self.config, folder),  # type: ignore[arg-type]
            settings=settings | {"seed": self.config.seed},
            sources=sources,
            after=("check",),
        )

    def _audit(self) -> Stage:
        splits = {task: self._split_file(task) for task in self._tasks()}
        return Stage(
            "audit",
            "look for patients on two sides",
            lambda folder, progress: data_stages.audit(self.data, splits, self.config, folder, progress),
            settings={"pixels": self.config.pixels, "films": self.films},
            sources=self.data.sources(),
            needs=tuple(f"split-{task}" for task in splits),
            after=("check",),
        )

    def _pack(self) -> Stage:
        size = self.config.recipe(self.config.networks[0]).image_size
        how = PackConfig(image_size=size, workers=max(self.hardware.workers, 1))
        settings, sources = self._used_films()
        return Stage(
            PACK,
            f"pack the films at {size} px",
            lambda folder, _: data_stages.pack(self.data, self.config, how, folder),
            settings=settings | {"size": size},
            sources=sources,
            after=("check",),
            resumes=True,
        )

    def _train(self, network: str) -> Stage:
        recipe = self.config.recipe(network)
        arguments = ["--split", str(self._split_file(recipe.task))]
        if self.config.packed:
            arguments += ["--packed", str(self.output / PACK)]
        training = Training(self.root, recipe, self.hardware, tuple(arguments), self.config.launch or "")
        return Stage(
            f"train-{network}",
            f"train {TITLES[network]}",
            lambda folder, _: train(training, folder, self.output / f"train-{network}"),
            settings={"recipe": recipe.to_dict(), "films": self.films},
            sources=self.data.table() | self._optional(weights=self.weights[network]),
            needs=(f"split-{recipe.task}", *([PACK] if self.config.packed else [])),
            resumes=True,
        )

    def _evaluate(self, network: str) -> Stage:
        trained = self._trained(network)
        how = "70 / 10 / 20 by patient" if RECIPES[network].task == "pathologies" else "pneumonia task"
        options = self.config.evaluation(how)
        others: tuple[str, ...] = ("train-chexnet",) if network in ("wang2017", "yao2017") else ()

        def run(folder: Path, progress: Progress) -> None:
            compared = bool(others) and self._is_done(others[0])
            against = self._trained("chexnet") if compared else None
            measure_stages.measure(trained, self.data, options, against, folder, progress)

        return Stage(
            f"evaluate-{network}",
            f"measure {TITLES[network]} on its test part",
            run,
            settings={"samples": options.samples, "seed": options.seed, "films": self.films},
            sources=self.data.sources(),
            needs=(f"train-{network}",),
            uses=others,
        )

    def _table_1(self) -> Stage:
        return Stage(
            "table-1",
            "compare with radiologists",
            lambda folder, _: measure_stages.compare_with_readers(
                self._trained("pneumonia"), self.data, folder
            ),
            settings={"samples": self.resampling.samples, "seed": self.resampling.seed, "films": self.films},
            sources=self.data.table() | self._optional(readings=self.data.readings),
            needs=("train-pneumonia",),
        )

    def _figure_2(self) -> Stage:
        return Stage(
            "figure-2",
            "draw activation maps",
            lambda folder, _: measure_stages.draw_figure_2(self._trained("chexnet"), self.data, folder),
            settings={"boxes_finding": self.data.boxes_finding, "films": self.films},
            sources=self.data.table() | self._optional(boxes=self.data.boxes),
            needs=("train-chexnet",),
        )

    def _localise(self, network: str) -> Stage:
        return Stage(
            f"localise-{network}",
            f"compare the maps of {TITLES[network]} with boxes",
            lambda folder, _: measure_stages.localise(self._trained(network), self.data, folder),
            settings={
                "samples": self.resampling.samples,
                "seed": self.resampling.seed,
                "boxes_finding": self.data.boxes_finding,
                "films": self.films,
            },
            sources=self.data.table() | self._optional(boxes=self.data.boxes),
            needs=(f"split-{RECIPES[network].task}", f"train-{network}"),
        )

    def _report(self, before: Sequence[Stage]) -> Stage:
        names = tuple(stage.name for stage in before)

        def run(folder: Path, _progress: Progress) -> None:
            page = report_page(self._results(names))
            write_whole(folder / REPORT, page)

        return Stage(
            "report",
            "gather everything in one page",
            run,
            settings={"quick": self.config.quick, "networks": self.config.networks},
            needs=("check", *(f"split-{task}" for task in self._tasks())),
            uses=names,
        )

    def _results(self, names: Sequence[str]) -> Results:
        """Everything that the stages left."""
        from chexnet.training.callbacks import read_metrics

        done = [name for name in names if self._is_done(name)]
        records = {name: read_record(self.output / name) or {} for name in done}
        networks = [name for name in self.config.networks if f"train-{name}" in done]
        figure_2 = None
        picture = self.output / "figure-2" / "figure-2.png"
        if "figure-2" in done and picture.is_file():
            figure_2 = (self._json("figure-2", "figure-2.json")["panels"], picture.read_bytes())
        return Results(
            quick=self.config.quick,
            data=self._json("check", data_stages.INVENTORY),
            splits={task: records[f"split-{task}"]["details"] for task in self._tasks()},
            audits=records["audit"]["details"] if "audit" in done else {},
            packed=records[PACK]["details"] if PACK in done else None,
            evaluations=self._each("evaluate", "evaluation.json", done),
            commands={name: records[f"train-{name}"]["details"]["command"] for name in networks},
            metrics={name: read_metrics(self.output / f"train-{name}") for name in networks},
            localisations=self._each("localise", "localisation.json", done),
            table_1=self._json("table-1", "table-1.json") if "table-1" in done else None,
            figure_2=figure_2,
            left_out=[name for name in names if name not in done],
            software={name: records[name]["software"] for name in done},
        )

    def _each(self, verb: str, file: str, done: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        return {
            network: self._json(f"{verb}-{network}", file)
            for network in self.config.networks
            if f"{verb}-{network}" in done
        }

    def _json(self, stage: str, file: str) -> Mapping[str, Any]:
        return measure_stages.read_json(self.output / stage / file)

    def _is_done(self, stage: str) -> bool:
        return not out_of_date(self.built[stage], self.built, self.output)

    def _trained(self, network: str) -> Trained:
        split = self._split_file(RECIPES[network].task)
        return Trained(network, self.output / f"train-{network}", split, self.resampling)

    def _split_file(self, task: str) -> Path:
        return self.output / f"split-{task}" / data_stages.SPLIT

    @staticmethod
    def _optional(**files: Path | None) -> dict[str, Path]:
        return {name: path for name, path in files.items() if path is not None and path.is_file()}
