"""The paper's experiment, from the data set to one report."""

from pathlib import Path

from chexnet.datasets import BOXES
from chexnet.reproduction.config import Reproduction
from chexnet.reproduction.data_stages import audit_stage, check_stage, download, pack_stage, split_stage
from chexnet.reproduction.experiment import Data, Experiment
from chexnet.reproduction.measure_stages import (
    evaluate_stage,
    figure_2_stage,
    localise_stage,
    table_1_stage,
)
from chexnet.reproduction.report_stage import report_stage
from chexnet.reproduction.stages import Outcome, Plan, Steps, Watcher, alone
from chexnet.reproduction.train_stage import train_stage
from chexnet.training import Hardware


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

    If the data set is to be fetched, that comes first, into `root`.

    Args:
        root: the data set as NIH ships it.
        output: receives a folder for each stage, the report as `report/report.html`, and
            `reproduction.json` with versions, hashes, commands and times.
        config: what to reproduce.
        hardware: where trainings happen.
        steps: which stages to run; by default those that are not done.
        watcher: sees each stage begin and end.
        command: for the record.

    Raises:
        ValueError: the data or the configuration cannot be used.
        TrainingFailed: a training ended without a model.
        KeyboardInterrupt: it was interrupted; the same call resumes.
    """
    # Once before the folder is touched, so that a mistake is reported before hours of work.
    steps.check([*plan_stages(root, output, config, hardware).stages])
    with alone(output, watcher.wait):
        if config.download:
            download(root, config)
        # Again, because the download or another run in this folder may have changed the data.
        plan = plan_stages(root, output, config, hardware)
        return plan.run(steps, watcher, command=command, data=root.resolve().name)


def plan_stages(root: Path, output: Path, config: Reproduction, hardware: Hardware) -> Plan:
    """The stages in their order."""
    data = Data(root, config.boxes or root / BOXES, config.boxes_finding, config.readings)
    experiment, networks = Experiment(data, output, config, hardware), config.networks
    plan = Plan([], output)

    def is_current(stage: str) -> bool:
        return not plan.out_of_date(stage)

    plan.add(check_stage(experiment))
    for task in experiment.tasks:
        plan.add(split_stage(experiment, task))
    plan.add(audit_stage(experiment))
    if config.packed:
        plan.add(pack_stage(experiment))
    for network in networks:
        plan.add(train_stage(experiment, network))
    for network in networks:
        plan.add(evaluate_stage(experiment, network, is_current))
    if "pneumonia" in networks:
        plan.add(table_1_stage(experiment))
    if "chexnet" in networks:
        plan.add(figure_2_stage(experiment))
    for network in networks:
        if network != "yao2017":  # it has no activation maps
            plan.add(localise_stage(experiment, network))
    plan.add(report_stage(experiment, [*plan.stages], is_current))
    return plan
