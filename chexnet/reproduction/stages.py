"""Stages that run in their order, each into a folder of its own, and not again while what they read holds.

From the records that stages leave (`records`), the next run knows whether to do one again.
"""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from chexnet._files import file_sha256, write_whole
from chexnet._options import Progress, option
from chexnet._typed_json import to_json
from chexnet.reproduction.records import (
    Attempt,
    Record,
    Stage,
    describe_outputs,
    keep_aside,
    publish,
    read_record,
    read_whole,
    software_versions,
    write_record,
)

_SUMMARY = "reproduction.json"


@dataclass(frozen=True)
class Steps:
    """Which stages to run. By default, all that are not done yet."""

    from_stage: str | None = option(None, "Run this stage and all after it again, done or not.", flag="from")
    only: tuple[str, ...] = option((), "Run this stage alone; repeatable.")
    skip: tuple[str, ...] = option((), "Do not run this stage; use what it left earlier. Repeatable.")

    def check(self, names: Sequence[str]) -> None:
        """Raise ValueError at a stage that does not exist."""
        for name in (*filter(None, [self.from_stage]), *self.only, *self.skip):
            if name not in names:
                raise ValueError(f"there is no stage {name!r}; the stages are {', '.join(names)}")

    def leave_out(self, name: str) -> str:
        """Why a stage is not to be run; "" where it is."""
        if name in self.skip:
            return "skipped, as asked"
        return "not asked for" if self.only and name not in self.only else ""


@dataclass(frozen=True)
class Outcome:
    """What became of a stage.

    Attributes:
        state: done in this run, kept from an earlier one, or left out.
        reason: why it was done or left out.
        seconds: that this run spent on it.
    """

    stage: str
    state: Literal["done", "kept", "left out"]
    reason: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Watcher:
    """What is called while a reproduction runs.

    Attributes:
        begin: called with number, count, stage, and why it is done, before a stage runs.
        progress: gives the progress that a stage reports to, with pieces done and in all.
        end: called after each stage, also one that did not run.
        wait: called with the process that holds the folder, if one does, before its end is waited for.
    """

    begin: Callable[[int, int, Stage, str], None] = lambda *_: None
    progress: Callable[[Stage], Progress] = lambda _: lambda *_: None
    end: Callable[[int, int, Outcome], None] = lambda *_: None
    wait: Callable[[str], None] = lambda _: None


class Plan:
    """Stages in their order, and the folder whose folders they leave."""

    def __init__(self, stages: Sequence[Stage], output: Path) -> None:
        self.stages = {stage.name: stage for stage in stages}
        self.output = output

    def add(self, stage: Stage) -> None:
        """One more stage, the last so far."""
        self.stages[stage.name] = stage

    def run(self, steps: Steps = Steps(), watcher: Watcher = Watcher(), **about: Any) -> list[Outcome]:
        """Run what is not done yet, and leave `reproduction.json` in the folder.

        A stage is kept where its files are whole and its settings, its sources and what the stages before it
        left are what they were. One that was interrupted resumes if it can, or starts again.

        Args:
            steps: which to run.
            watcher: sees each stage begin and end.
            about: goes into `reproduction.json` beside the stages.

        Raises:
            ValueError: no such stage, or one stage alone without what it needs.
        """
        steps.check([*self.stages])
        outcomes: dict[str, Outcome] = {}
        forced = False
        for number, stage in enumerate(self.stages.values(), start=1):
            forced = forced or stage.name == steps.from_stage
            _recover(stage, self.output / stage.name)
            outcome = self._left_out(stage, steps) or self._do(stage, watcher, number, forced=forced)
            outcomes[stage.name] = outcome
            watcher.end(number, len(self.stages), outcome)
            self._summarise(outcomes, about)
        return [*outcomes.values()]

    def record(self, name: str) -> Record | None:
        """The record of a stage whose files are whole, or None."""
        return read_whole(self.stages[name], self.output / name)[0]

    def inputs(self, name: str) -> dict[str, Any]:
        """All that decides what a stage leaves: settings, hashes of its sources and of stages before it."""
        stage = self.stages[name]
        before = {one: self.record(one) for one in (*stage.needs, *stage.uses)}
        return {
            # Through JSON, so that a tuple here equals the list that was stored.
            "settings": json.loads(json.dumps(stage.settings)),
            "sources": {what: file_sha256(path) for what, path in stage.sources.items() if path.is_file()},
            "stages": {one: found.digest(self.stages[one]) for one, found in before.items() if found},
        }

    def out_of_date(self, name: str) -> str:
        """Why what a stage has left cannot be used as it is; "" where it can.

        It can where it is whole, was made from what its inputs are now, and so was all that it needs.
        """
        stage = self.stages[name]
        record, why = read_whole(stage, self.output / name)
        if record is None:
            return why
        if changes := _differences(record.inputs, self.inputs(name)):
            return "; ".join(changes)
        reasons = ((need, self.out_of_date(need)) for need in (*stage.needs, *stage.after))
        return next((f"{need}: {reason}" for need, reason in reasons if reason), "")

    def _left_out(self, stage: Stage, steps: Steps) -> Outcome | None:
        missing = {need: self.out_of_date(need) for need in (*stage.needs, *stage.after)}
        missing = {need: reason for need, reason in missing.items() if reason}
        if asked := steps.leave_out(stage.name):
            stale = self.out_of_date(stage.name)
            if self.record(stage.name) is None:
                return Outcome(stage.name, "left out", asked)
            if stale:
                return Outcome(stage.name, "left out", f"{asked}; what it left is out of date: {stale}")
            return Outcome(stage.name, "kept", asked)
        if missing and steps.only:
            need, reason = next(iter(missing.items()))
            raise ValueError(f"{stage.name} needs what {need} leaves; run that stage first ({reason})")
        return Outcome(stage.name, "left out", f"needs {', '.join(missing)}") if missing else None

    def _do(self, stage: Stage, watcher: Watcher, number: int, *, forced: bool) -> Outcome:
        folder, inputs = self.output / stage.name, self.inputs(stage.name)
        record, why = read_whole(stage, folder)
        if record is not None:
            changes = _differences(record.inputs, inputs)
            if not changes and not forced:
                return Outcome(stage.name, "kept")
            why = "asked for again" if forced else "; ".join(changes)
        watcher.begin(number, len(self.stages), stage, why)
        started = time.monotonic()
        partial = _partial(folder)
        _perform(stage, inputs, partial, watcher.progress(stage), forced=forced)
        publish(partial, folder, keep_old=stage.resumes)
        return Outcome(stage.name, "done", why, time.monotonic() - started)

    def _summarise(self, outcomes: Mapping[str, Outcome], about: Mapping[str, Any]) -> None:
        """Write `reproduction.json`: versions, hashes, commands, times."""
        entries = [_entry(one, self.record(one.name), outcomes.get(one.name)) for one in self.stages.values()]
        content = {**about, "software": software_versions(), "cpu_cores": os.cpu_count(), "stages": entries}
        write_whole(self.output / _SUMMARY, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


@contextmanager
def alone(output: Path, wait: Callable[[str], None]) -> Iterator[None]:
    """Hold the folder, so that two reproductions do not write over each other.

    A training inherits the hold: if the command that started it is killed and the training is not, its
    work is not lost, and the next run waits for it.
    """
    output.mkdir(parents=True, exist_ok=True)
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


def _perform(
    stage: Stage, inputs: dict[str, Any], partial: Path, progress: Progress, *, forced: bool
) -> None:
    attempts = _prepare(stage, inputs, partial, forced=forced)
    attempt = Attempt(datetime.now(UTC).isoformat(timespec="seconds"))
    record = Record(stage.name, inputs, (*attempts, attempt))
    write_record(partial, record)
    started = time.monotonic()

    def timed() -> Record:
        spent = replace(attempt, seconds=round(time.monotonic() - started, 1))
        return replace(record, attempts=(*attempts, spent))

    try:
        details = dict(stage.run(partial, progress) or {})
    except BaseException:
        # If the disk is full, the reason why the stage ended matters, not that it could not be noted.
        with suppress(OSError):
            write_record(partial, timed())
        raise
    outputs, software = describe_outputs(partial), software_versions()
    write_record(partial, replace(timed(), outputs=outputs, details=details, software=software))


def _prepare(stage: Stage, inputs: dict[str, Any], partial: Path, *, forced: bool) -> tuple[Attempt, ...]:
    """Prepare the folder to work in; returns the attempts so far if this run continues them."""
    held = read_record(partial)
    if stage.resumes and not forced and held is not None and held.inputs == inputs:
        return held.attempts
    if partial.exists() and stage.resumes:
        keep_aside(partial)
    elif partial.exists():
        shutil.rmtree(partial)
    partial.mkdir()
    return ()


def _recover(stage: Stage, folder: Path) -> None:
    """Finish what a run that was killed while it published has left undone."""
    if read_whole(stage, _partial(folder))[0] is not None:
        publish(_partial(folder), folder, keep_old=stage.resumes)


def _partial(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.partial")


def _differences(held: Mapping[str, Any], wanted: Mapping[str, Any], prefix: str = "") -> list[str]:
    """How the inputs of a stage have changed, in words."""
    found = []
    for key in sorted({*held, *wanted}):
        one, other = held.get(key), wanted.get(key)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            found += _differences(one, other, f"{prefix}{key} ")
        elif one != other:
            found.append(f"{prefix}{key} was {str(one)[:12]} and is {str(other)[:12]}")
    return found


def _entry(stage: Stage, record: Record | None, outcome: Outcome | None) -> dict[str, Any]:
    entry: dict[str, Any] = {"stage": stage.name, "about": stage.about}
    entry["in_this_run"] = outcome.state if outcome else "to come"
    if outcome and outcome.reason:
        entry["reason"] = outcome.reason
    if record is not None:
        held = to_json(record)
        entry |= {key: held[key] for key in ("inputs", "attempts", "details", "software")}
        entry["outputs"] = {name: one.sha256 for name, one in (record.outputs or {}).items()}
    return entry
