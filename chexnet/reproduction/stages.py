"""Run stages in their order: leave out what is done, go on with what was interrupted, record everything."""

import importlib.metadata
import json
import os
import platform
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from chexnet._files import file_sha256, write_whole
from chexnet._options import Progress, option
from chexnet.reproduction.stage import (
    Finished,
    Stage,
    describe_outputs,
    differences,
    keep_aside,
    publish,
    read_finished,
    read_record,
    write_record,
)

State = Literal["done", "kept", "left out"]
PACKAGES = ("chexnet", "numpy", "onnxruntime", "pillow", "torch", "lightning", "matplotlib")
SUMMARY = "reproduction.json"


@dataclass(frozen=True)
class Steps:
    """Which stages to run. As it stands, all that are not done yet."""

    from_stage: str | None = option(None, "Do this stage and all after it again, done or not.", flag="from")
    only: tuple[str, ...] = option((), "Run this stage alone; repeatable.")
    skip: tuple[str, ...] = option((), "Do not run this stage; what it left earlier is used. Repeatable.")

    def check(self, names: Sequence[str]) -> None:
        """Raise ValueError at a stage that does not exist."""
        for name in (*filter(None, [self.from_stage]), *self.only, *self.skip):
            if name not in names:
                raise ValueError(f"there is no stage {name!r}; the stages are {', '.join(names)}")


@dataclass(frozen=True)
class Outcome:
    """What became of a stage.

    Attributes:
        state: done in this run, kept from an earlier one, or left out.
        reason: why it was done or left out.
        seconds: that this run spent on it.
    """

    stage: str
    state: State
    reason: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Watcher:
    """Is told how a reproduction goes on.

    Attributes:
        begin: called with number, count, stage, and why it is done, before a stage runs.
        progress: a progress for each stage, told of pieces done and in all.
        end: called after each stage, also one that did not run.
        wait: called with the process that holds the folder, if one does, before its end is waited for.
    """

    begin: Callable[[int, int, Stage, str], None] = lambda *_: None
    progress: Callable[[Stage], Progress] = lambda _: lambda *_: None
    end: Callable[[int, int, Outcome], None] = lambda *_: None
    wait: Callable[[str], None] = lambda _: None


def run_stages(
    stages: Sequence[Stage],
    output: Path,
    steps: Steps = Steps(),
    watcher: Watcher = Watcher(),
    about: Mapping[str, Any] | None = None,
) -> list[Outcome]:
    """Run `stages` into folders of `output`, and leave `reproduction.json` there.

    A stage is kept where its files are whole and its settings, its sources and what the stages before it left
    are what they were. One that was interrupted goes on if it can, or starts again.

    Args:
        steps: which to run.
        watcher: is told of it.
        about: goes into `reproduction.json` beside the stages.

    Raises:
        ValueError: no such stage, or one stage alone without what it needs.
    """
    steps.check([stage.name for stage in stages])
    output.mkdir(parents=True, exist_ok=True)
    outcomes: list[Outcome] = []
    plan = {stage.name: stage for stage in stages}
    with _alone(output, watcher.wait):
        forced = False
        for number, stage in enumerate(stages, start=1):
            forced = forced or stage.name == steps.from_stage
            outcome = _run(stage, number, plan, output, steps, watcher, forced=forced)
            outcomes.append(outcome)
            watcher.end(number, len(stages), outcome)
            _summarise(stages, output, outcomes, about or {})
    return outcomes


def _run(
    stage: Stage,
    number: int,
    plan: Mapping[str, Stage],
    output: Path,
    steps: Steps,
    watcher: Watcher,
    *,
    forced: bool,
) -> Outcome:
    folder, partial = output / stage.name, output / f"{stage.name}.partial"
    _recover(stage, folder, partial)
    finished, why = read_finished(folder)
    if stage.name in steps.skip or (steps.only and stage.name not in steps.only):
        asked = "skipped, as asked" if stage.name in steps.skip else "not asked for"
        stale = out_of_date(stage, plan, output)
        if finished and stale:
            return Outcome(stage.name, "left out", f"{asked}; what it left is out of date: {stale}")
        return Outcome(stage.name, "kept" if finished else "left out", asked)
    before = (*stage.needs, *stage.after)
    reasons = {need: out_of_date(plan[need], plan, output) for need in before}
    missing = {need: reason for need, reason in reasons.items() if reason}
    if missing and steps.only:
        need, why_not = next(iter(missing.items()))
        raise ValueError(f"{stage.name} needs what {need} leaves; run that stage first ({why_not})")
    if missing:
        return Outcome(stage.name, "left out", f"needs {', '.join(missing)}")
    inputs = stage_inputs(stage, output)
    if finished is not None:
        changes = differences(finished.inputs, inputs)
        if not changes and not forced:
            return Outcome(stage.name, "kept")
        why = "asked for again" if forced else "; ".join(changes)
    watcher.begin(number, len(plan), stage, why)
    started = time.monotonic()
    _perform(stage, inputs, partial, watcher.progress(stage), forced=forced)
    publish(partial, folder, keep_old=stage.resumes)
    return Outcome(stage.name, "done", why, time.monotonic() - started)


def out_of_date(stage: Stage, plan: Mapping[str, Stage], output: Path) -> str:
    """Why what a stage has left cannot be used as it is; "" where it can.

    It can where it is whole, was made from what its inputs are now, and so was all that it needs.
    """
    finished, why = read_finished(output / stage.name)
    if finished is None:
        return why
    changes = differences(finished.inputs, stage_inputs(stage, output))
    if changes:
        return "; ".join(changes)
    for need in (*stage.needs, *stage.after):
        if why := out_of_date(plan[need], plan, output):
            return f"{need}: {why}"
    return ""


def stage_inputs(stage: Stage, output: Path) -> dict[str, Any]:
    """All that decides what a stage leaves: settings, and hashes of its sources and of stages before it."""
    before = {name: read_finished(output / name)[0] for name in (*stage.needs, *stage.uses)}
    return {
        # Through JSON, so that a tuple here equals the list that was stored.
        "settings": json.loads(json.dumps(stage.settings)),
        "sources": {name: file_sha256(path) for name, path in stage.sources.items() if path.is_file()},
        "stages": {name: found.digest for name, found in before.items() if found is not None},
    }


def _perform(
    stage: Stage, inputs: dict[str, Any], partial: Path, progress: Progress, *, forced: bool
) -> None:
    attempts = _take(stage, inputs, partial, forced=forced)
    attempt: dict[str, Any] = {"started": datetime.now(UTC).isoformat(timespec="seconds")}
    record = {"stage": stage.name, "inputs": inputs, "attempts": [*attempts, attempt]}
    write_record(partial, record)
    started = time.monotonic()
    try:
        details = stage.run(partial, progress) or {}
    except BaseException:
        attempt["seconds"] = round(time.monotonic() - started, 1)
        # Where the disk is full, it is told why the stage ended, not that this could not be noted.
        with suppress(OSError):
            write_record(partial, record)
        raise
    attempt["seconds"] = round(time.monotonic() - started, 1)
    outputs = describe_outputs(partial)
    write_record(partial, record | {"details": details, "outputs": outputs, "software": software_versions()})


def _take(stage: Stage, inputs: dict[str, Any], partial: Path, *, forced: bool) -> list[dict[str, Any]]:
    """Prepare the folder to work in; returns the attempts so far if this run goes on with them."""
    if partial.exists():
        held = read_record(partial)
        same = held is not None and held["inputs"] == inputs
        if stage.resumes and same and not forced and held is not None:
            return list(held["attempts"])
        if stage.resumes:
            keep_aside(partial)
        else:
            shutil.rmtree(partial)
    partial.mkdir()
    return []


def _recover(stage: Stage, folder: Path, partial: Path) -> None:
    """Finish what a run that was killed between two renames left undone."""
    held = read_record(partial)
    if held is not None and "outputs" in held and read_finished(partial)[0] is not None:
        publish(partial, folder, keep_old=stage.resumes)
    shutil.rmtree(folder.with_name(f"{folder.name}.old"), ignore_errors=True)


def software_versions() -> dict[str, str]:
    """Versions that the numbers may depend on."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def _summarise(
    stages: Sequence[Stage], output: Path, outcomes: Sequence[Outcome], about: Mapping[str, Any]
) -> None:
    """Write `reproduction.json`: versions, hashes, commands, times."""
    told = {outcome.stage: outcome for outcome in outcomes}
    entries = [_entry(stage, read_finished(output / stage.name)[0], told.get(stage.name)) for stage in stages]
    content = {**about, "software": software_versions(), "cpu_cores": os.cpu_count(), "stages": entries}
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    write_whole(output / SUMMARY, text)


def _entry(stage: Stage, finished: Finished | None, outcome: Outcome | None) -> dict[str, Any]:
    entry: dict[str, Any] = {"stage": stage.name, "about": stage.about}
    entry["in_this_run"] = outcome.state if outcome else "to come"
    if outcome and outcome.reason:
        entry["reason"] = outcome.reason
    if finished is not None:
        entry |= {
            "inputs": finished.inputs,
            "outputs": {name: one["sha256"] for name, one in finished.outputs.items()},
            "attempts": finished.attempts,
            "details": finished.details,
            "software": finished.software,
        }
    return entry


@contextmanager
def _alone(output: Path, wait: Callable[[str], None]) -> Iterator[None]:
    """Hold the folder, so that two reproductions do not write over each other.

    A training inherits the hold: where the command that started it is killed and the training is not, its
    work is not lost, and the next run waits for it.
    """
    try:
        import fcntl
    except ModuleNotFoundError:  # Windows: without this safeguard
        yield
        return
    with (output / "lock").open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            wait(file.read().strip())
            fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        os.set_inheritable(file.fileno(), True)
        yield
