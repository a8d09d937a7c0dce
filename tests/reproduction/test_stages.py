"""Stages are done once, again when what they were made from changes, and whole or not at all."""

import errno
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from chexnet.reproduction.records import RECORD, Stage, read_record, write_record
from chexnet.reproduction.stages import Plan, Steps, alone

TEXTS = {"one.txt": "one", "two.txt": "two"}


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("a,b\n")
    return path


class Kitchen:
    """Three stages that read what came before; each counts how often it was run."""

    def __init__(self, output, source):
        self.output, self.source, self.runs = output, source, []
        output.mkdir(exist_ok=True)
        self.factor = 2

    def stages(self):
        return [
            Stage("read", "reads", self.read, sources={"table": self.source}),
            Stage("double", "doubles", self.double, {"factor": self.factor}, needs=("read",), resumes=True),
            Stage("page", "writes", self.page, needs=("read",), uses=("double",)),
        ]

    def read(self, folder, _progress):
        self.runs.append("read")
        (folder / "length.txt").write_text(str(len(self.source.read_text().strip())))
        return {"characters": 3}

    def double(self, folder, progress):
        self.runs.append("double")
        for done, name in enumerate(TEXTS, start=1):
            if not (folder / name).exists():
                (folder / name).write_text(TEXTS[name] * self.factor)
            progress(done, len(TEXTS))

    def page(self, folder, _progress):
        self.runs.append("page")
        double = self.output / "double" / "one.txt"
        (folder / "page.html").write_text(double.read_text() if double.exists() else "no double")

    def run(self, **steps):
        self.runs.clear()
        return {one.stage: one for one in Plan(self.stages(), self.output).run(Steps(**steps))}


@pytest.fixture
def kitchen(tmp_path, source):
    return Kitchen(tmp_path / "output", source)


def test_what_is_done_is_kept(kitchen):
    first = kitchen.run()
    assert kitchen.runs == ["read", "double", "page"]
    assert {one.state for one in first.values()} == {"done"}
    assert {one.state for one in kitchen.run().values()} == {"kept"}
    assert kitchen.runs == []


def test_a_changed_source_that_changes_nothing_further_on_repeats_its_stage_alone(kitchen, source):
    kitchen.run()
    source.write_text("c,d\n")
    outcomes = kitchen.run()
    assert kitchen.runs == ["read"]
    assert outcomes["read"].reason.startswith("sources table was ")
    source.write_text("longer,d\n")
    kitchen.run()
    assert kitchen.runs == ["read", "double", "page"]


def test_a_changed_setting_repeats_what_depends_on_it_and_keeps_hours_of_work_aside(kitchen):
    kitchen.run()
    kitchen.factor = 3
    outcomes = kitchen.run()
    assert kitchen.runs == ["double", "page"]
    assert outcomes["double"].reason == "settings factor was 2 and is 3"
    assert (kitchen.output / "double" / "one.txt").read_text() == "oneoneone"
    assert (kitchen.output / "earlier" / "double-1" / "one.txt").read_text() == "oneone"
    assert sorted(path.name for path in (kitchen.output / "earlier").iterdir()) == ["double-1"]


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda path: path.unlink(), "one.txt is no longer there"),
        (lambda path: path.write_text("longer than it was"), "one.txt has another size than when it was"),
        (lambda path: path.write_text("twoone"), "one.txt has other bytes than when it was written"),
    ],
    ids=["gone", "longer", "other"],
)
def test_a_damaged_file_is_noticed(kitchen, damage, why):
    kitchen.run()
    damage(kitchen.output / "double" / "one.txt")
    assert kitchen.run()["double"].reason.startswith(why)
    # The page is made from the same bytes as before.
    assert kitchen.runs == ["double"]


def test_a_lost_by_product_is_no_reason_to_do_hours_of_work_again(kitchen):
    """Such as the plot of a training; what later stages read is."""
    first, double, page = kitchen.stages()
    plan = Plan([first, replace(double, products=("one.txt",)), page], kitchen.output)
    plan.run()
    (kitchen.output / "double" / "two.txt").unlink()
    assert {one.state for one in plan.run()} == {"kept"}
    (kitchen.output / "double" / "one.txt").unlink()
    assert [one.state for one in plan.run()] == ["kept", "done", "kept"]


def test_touched_files_of_the_same_bytes_are_kept(kitchen):
    kitchen.run()
    for path in (kitchen.output / "double").iterdir():
        os.utime(path, (1, 1))
    kitchen.run()
    assert kitchen.runs == []


def test_from_a_stage_all_is_done_again(kitchen):
    kitchen.run()
    outcomes = kitchen.run(from_stage="double")
    assert kitchen.runs == ["double", "page"]
    assert outcomes["double"].reason == "asked for again"


def test_a_skipped_stage_is_left_out_and_what_it_left_earlier_is_used(kitchen):
    outcomes = kitchen.run(skip=("double",))
    assert outcomes["double"].state == "left out"
    assert (kitchen.output / "page" / "page.html").read_text() == "no double"
    kitchen.run()
    assert kitchen.runs == ["double", "page"]
    assert kitchen.run(skip=("double",))["double"].state == "kept"
    assert (kitchen.output / "page" / "page.html").read_text() == "oneone"


def test_what_a_skipped_stage_left_of_other_inputs_is_not_used(kitchen):
    kitchen.run()
    kitchen.factor = 3
    outcomes = kitchen.run(skip=("double",))
    assert outcomes["double"].state == "left out"
    assert outcomes["double"].reason == (
        "skipped, as asked; what it left is out of date: settings factor was 2 and is 3"
    )


def test_a_stage_is_left_out_where_what_it_needs_is_out_of_date_further_back(kitchen, source):
    kitchen.run()
    source.write_text("longer,d\n")
    outcomes = kitchen.run(skip=("read",))
    assert (outcomes["double"].state, outcomes["double"].reason) == ("left out", "needs read")
    with pytest.raises(ValueError, match=r"page needs what read leaves.*\(sources table was"):
        kitchen.run(only=("page",))
    plan = Plan(kitchen.stages(), kitchen.output)
    assert plan.out_of_date("page").startswith("read: sources table was")
    kitchen.run()
    assert not any(plan.out_of_date(name) for name in plan.stages)


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"a": 1}', '{"outputs": {}}'])
def test_a_stage_whose_record_cannot_be_read_is_done_again(kitchen, damage):
    kitchen.run()
    whole = contents(kitchen.output)
    (kitchen.output / "read" / RECORD).write_text(damage)
    assert kitchen.run()["read"].state == "done"
    assert contents(kitchen.output) == whole
    partial = kitchen.output / "double.partial"
    partial.mkdir()
    (partial / RECORD).write_text(damage)
    assert kitchen.run(from_stage="double")["double"].state == "done"


@pytest.mark.parametrize("key", ["inputs", "outputs", "attempts", "details", "software"])
@pytest.mark.parametrize("value", [None, 3, ["x"], {"length.txt": None}])
def test_a_record_whose_values_mean_nothing_breaks_no_run(kitchen, key, value):
    kitchen.run()
    whole = contents(kitchen.output)
    path = kitchen.output / "read" / RECORD
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    kitchen.run()
    assert contents(kitchen.output) == whole
    assert {one.state for one in kitchen.run().values()} == {"kept"}


def test_a_stage_that_comes_after_another_is_not_done_again_for_what_that_has_left(tmp_path, source):
    kitchen = Kitchen(tmp_path / "output", source)
    first, double, _ = kitchen.stages()
    stages = [first, replace(double, needs=(), after=("read",))]
    plan = Plan(stages, kitchen.output)
    plan.run()
    source.write_text("longer\n")
    outcomes = {one.stage: one for one in plan.run(Steps(skip=("read",)))}
    assert (outcomes["double"].state, outcomes["double"].reason) == ("left out", "needs read")
    assert [one.state for one in plan.run()] == ["done", "kept"]


def test_a_full_disk_is_told_as_what_it_broke(kitchen, monkeypatch):
    def full(folder, content):
        if content.attempts[-1].seconds is not None:
            raise OSError(errno.ENOSPC, "No space left on device")
        write_record(folder, content)

    def failing(folder, progress):
        raise ValueError("the training ended without a model")

    monkeypatch.setattr("chexnet.reproduction.stages.write_record", full)
    stage = Stage("train", "trains", failing)
    with pytest.raises(ValueError, match="without a model"):
        Plan([stage], kitchen.output).run()


def test_without_what_it_needs_a_stage_is_left_out_with_the_reason(kitchen):
    outcomes = kitchen.run(skip=("read",))
    assert outcomes["page"].state == "left out"
    assert outcomes["page"].reason == "needs read"
    with pytest.raises(ValueError, match="page needs what read leaves; run that stage first"):
        kitchen.run(only=("page",))


def test_one_stage_alone(kitchen):
    kitchen.run(only=("read",))
    assert kitchen.runs == ["read"]
    kitchen.run(only=("page",))
    assert kitchen.runs == ["page"]


@pytest.mark.parametrize("steps", [{"from_stage": "dbl"}, {"only": ("dbl",)}, {"skip": ("dbl",)}], ids=str)
def test_a_stage_that_does_not_exist_is_refused(kitchen, steps):
    with pytest.raises(ValueError, match="there is no stage 'dbl'; the stages are read, double, page"):
        kitchen.run(**steps)


def test_the_record_holds_versions_hashes_and_times(kitchen):
    kitchen.run()
    content = json.loads((kitchen.output / "reproduction.json").read_text())
    read, double, _ = content["stages"]
    assert read["details"] == {"characters": 3}
    assert read["outputs"].keys() == {"length.txt"}
    assert len(read["inputs"]["sources"]["table"]) == 64
    held = read_record(kitchen.output / "read")
    assert double["inputs"]["stages"]["read"] == held.digest(kitchen.stages()[0])
    assert double["attempts"][0]["seconds"] >= 0
    assert content["software"]["numpy"]


def test_a_failed_stage_leaves_nothing_under_its_name_and_goes_on_where_it_was(kitchen):
    stages = kitchen.stages()
    stages[1] = replace(stages[1], run=lambda folder, progress: (folder / "missing" / "x").read_text())
    with pytest.raises(FileNotFoundError):
        Plan(stages, kitchen.output).run()
    assert not (kitchen.output / "double").exists()
    (kitchen.output / "double.partial" / "one.txt").write_text("from before")
    kitchen.run()
    assert (kitchen.output / "double" / "one.txt").read_text() == "from before"
    record = json.loads((kitchen.output / "double" / RECORD).read_text())
    assert len(record["attempts"]) == 2


def test_what_an_interrupted_stage_of_other_settings_left_is_kept_aside(kitchen):
    stages = kitchen.stages()
    stages[1] = replace(stages[1], run=lambda folder, progress: (folder / "missing" / "x").read_text())
    with pytest.raises(FileNotFoundError):
        Plan(stages, kitchen.output).run()
    (kitchen.output / "double.partial" / "one.txt").write_text("from before")
    kitchen.factor = 5
    kitchen.run()
    assert (kitchen.output / "double" / "one.txt").read_text() == "one" * 5
    assert (kitchen.output / "earlier" / "double.partial-1" / "one.txt").read_text() == "from before"


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_stages import Kitchen

kitchen = Kitchen(Path(sys.argv[2]), Path(sys.argv[3]))
calls = 0

def killing(function):
    def counted(*arguments, **options):
        global calls
        calls += 1
        if calls == int(sys.argv[4]):
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **options)
    return counted

# Every change of the disk that the engine makes is a place to be killed at.
for name in ("rename", "replace", "write_text", "write_bytes", "mkdir"):
    setattr(Path, name, killing(getattr(Path, name)))
kitchen.run()
print(calls)
"""


def run_killed(kitchen, source, call):
    here = Path(__file__).parent
    command = [sys.executable, "-c", KILLED, here, kitchen.output, source, str(call)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=here.parents[1])


def contents(output):
    """All that the stages left, but for the times."""
    return {
        path.relative_to(output): path.read_bytes()
        for path in output.rglob("*")
        if path.is_file() and path.name not in (RECORD, "reproduction.json", "lock")
    }


def test_killed_at_any_change_of_the_disk_the_next_run_ends_with_the_same_bytes(tmp_path, source):
    whole = Kitchen(tmp_path / "whole", source)
    whole.run()
    whole.factor = 3
    whole.run()
    changes = int(run_killed(Kitchen(tmp_path / "count", source), source, 0).stdout)
    assert changes > 20
    for call in range(1, changes + 1, 5):
        kitchen = Kitchen(tmp_path / f"killed-{call}", source)
        assert run_killed(kitchen, source, call).returncode == -signal.SIGKILL
        kitchen.run()
        kitchen.factor = 3
        kitchen.run()
        assert contents(kitchen.output) == contents(whole.output), call
        assert {one.state for one in kitchen.run().values()} == {"kept"}


def test_a_run_waits_for_another_in_the_same_folder(kitchen):
    kitchen.run()
    waited = []
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    holder = context.Process(target=hold, args=(kitchen.output, ready))
    holder.start()
    assert ready.wait(60)
    with alone(kitchen.output, waited.append):
        Plan(kitchen.stages(), kitchen.output).run()
    assert waited == [str(holder.pid)]
    holder.join(60)
    assert holder.exitcode == 0


def hold(output, ready):
    def slowly(folder, progress):
        ready.set()
        time.sleep(0.5)

    with alone(output, lambda _: None):
        Plan([Stage("slow", "sleeps", slowly)], output).run()
