"""What kill -9, bad sinks, a full disk and a second node do: nothing that was acknowledged is lost."""

import os
import random
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import Comprehensive3DSRStorage, SecondaryCaptureImageStorage
from real_node import RealNode, Stream, free_port, send, sink_destination
from recording_sink import Sink, wait_for
from sources import small_source, source

BOTH = {str(SecondaryCaptureImageStorage), str(Comprehensive3DSRStorage)}


def killed(
    folder: Path, kills: int, objects: int, streams: int, pause: tuple[float, float], seconds: float
) -> dict[str, float]:
    """Send `objects` while the node is killed so often; the figures, after all claims were checked."""
    sink = Sink()
    node = RealNode(folder, [sink_destination(sink.port)]).start()
    contents = [small_source(f"kill {number}") for number in range(objects)]
    senders = [Stream(node.port, contents[place::streams]) for place in range(streams)]
    began = time.monotonic()
    for sender in senders:
        sender.start()
    chance = random.Random(7)
    done = 0
    while done < kills:
        time.sleep(chance.uniform(*pause))
        node.kill()
        done += 1
        node.start()
    for sender in senders:
        sender.join(seconds)
        assert not sender.is_alive(), "not all objects were acknowledged"
    acknowledged = {uid for sender in senders for uid in sender.acknowledged}
    assert len(acknowledged) == objects
    wait_for(lambda: all(sink.sources[uid] == BOTH for uid in acknowledged), seconds, 0.5)
    took = time.monotonic() - began
    assert all(len(hashes) == 1 for hashes in sink.hashes.values()), "one UID with different bytes"
    assert len(sink.hashes) == 2 * objects
    assert not node.listed("dead")
    wait_for(lambda: not list(node.spool.glob("*/*")), 60)
    node.stop()
    sink.stop()
    return {
        "kills": done,
        "objects": objects,
        "seconds": round(took),
        "stores": sink.stores,
        "results": len(sink.hashes),
        "associations": sum(sender.tries for sender in senders),
    }


def test_nothing_acknowledged_is_lost_to_kills(tmp_path: Path) -> None:
    figures = killed(tmp_path, kills=5, objects=40, streams=3, pause=(0.2, 1.5), seconds=200)
    assert figures["stores"] >= figures["results"] == 80


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_to_many_kills(tmp_path: Path) -> None:
    print(killed(tmp_path, kills=50, objects=1000, streams=8, pause=(0.5, 8), seconds=1800))


def faulty(number: int) -> int:
    """Out of resources, a hang, and then fine again."""
    if number % 5 == 2:
        return 0xA700
    if number % 5 == 4:
        time.sleep(4)
    return 0


def test_a_sink_that_hangs_and_runs_out_of_space_gets_everything(tmp_path: Path) -> None:
    sink = Sink(status=faulty)
    node = RealNode(tmp_path, [sink_destination(sink.port, timeout_seconds=2)]).start()
    contents = [small_source(f"faulty {number}") for number in range(6)]
    assert send(node.port, contents) == [0] * 6
    wait_for(lambda: len(sink.hashes) == 12, 90)
    assert all(len(hashes) == 1 for hashes in sink.hashes.values())
    assert not node.listed("dead")
    node.stop()
    sink.stop()


def test_a_sink_that_drops_the_connection_after_the_data_gets_everything(tmp_path: Path) -> None:
    dropped: list[int] = []

    def drop(number: int) -> int:
        if len(dropped) < 3:
            dropped.append(number)
            for association in sink._server.active_associations:
                association.abort()
        return 0

    sink = Sink(status=drop)
    node = RealNode(tmp_path, [sink_destination(sink.port, timeout_seconds=3)]).start()
    assert send(node.port, [small_source(f"drop {number}") for number in range(3)]) == [0] * 3
    wait_for(lambda: not [row for row in node.listed("waiting") if row["what"] == "delivery"], 90)
    wait_for(lambda: len(sink.hashes) == 6, 60)
    assert len(dropped) == 3 and sink.stores >= 7
    assert all(len(hashes) == 1 for hashes in sink.hashes.values())
    node.stop()
    sink.stop()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MB, for root only."""
    folder = tmp_path / "small"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip(f"no tmpfs can be mounted: {done.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=False)


def test_a_full_disk_is_answered_with_a700_and_recovers(small_disk: Path, tmp_path: Path) -> None:
    sink = Sink()
    port = sink.port
    sink.stop()
    node = RealNode(
        tmp_path / "node", [sink_destination(port)], spool=str(small_disk / "spool"), least_free_mb=10
    ).start()
    contents = [source(f"disk {number}") for number in range(30)]
    statuses = [send(node.port, [content])[0] for content in contents]
    taken = statuses.count(0)
    assert 0xA700 in statuses and set(statuses) == {0, 0xA700} and taken > 2
    back = Sink(port=port)
    node.work_queue().retry(None, None)
    wait_for(lambda: not list(node.spool.glob("incoming/*")), 120)
    rest = [content for content, status in zip(contents, statuses, strict=True) if status != 0][:3]
    assert [send(node.port, [content])[0] for content in rest] == [0, 0, 0]
    wait_for(lambda: len(back.hashes) == 2 * (taken + 3), 120)
    node.stop()
    back.stop()


@pytest.fixture
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database server of its own, as a user who is not root."""
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    initdb = shutil.which("initdb") or (str(binaries[-1] / "initdb") if binaries else None)
    if initdb is None:
        pytest.skip("no initdb; on Debian: apt-get install postgresql")
    folder = Path("/tmp") / f"chexnet-postgresql-{os.getpid()}"
    folder.mkdir()
    tools = Path(initdb).resolve().parent
    user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.getuid() == 0 else []
    if user:
        shutil.chown(folder, "postgres", "postgres")
    port = free_port()

    def run(*command: str) -> None:
        done = subprocess.run([*user, *command], capture_output=True, cwd=folder, check=False)
        if done.returncode:
            pytest.skip(f"PostgreSQL cannot be started: {done.stderr.decode()[-300:]}")

    data = str(folder / "data")
    run(str(tools / "initdb"), "-D", data, "-A", "trust", "-U", "chexnet", "--no-sync")
    options = f"-c listen_addresses=127.0.0.1 -p {port} -k {folder}"
    run(str(tools / "pg_ctl"), "-D", data, "-w", "-o", options, "-l", str(folder / "log"), "start")
    yield f"postgresql://chexnet@127.0.0.1:{port}/postgres"
    run(str(tools / "pg_ctl"), "-D", data, "-m", "immediate", "stop")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("kind", [pytest.param("sqlite", marks=pytest.mark.slow), "postgresql"])
def test_of_two_nodes_one_takes_over_when_the_other_is_killed(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    sink = Sink()
    shared: dict[str, Any] = {"spool": str(tmp_path / "spool"), "lease_seconds": 5}
    if kind == "postgresql":
        shared["database"] = request.getfixturevalue("postgresql")
    destinations = [sink_destination(sink.port)]
    first = RealNode(tmp_path / "first", destinations, name="first", **shared).start()
    second = RealNode(tmp_path / "second", destinations, name="second", **shared).start()
    contents = [small_source(f"{kind} {number}") for number in range(16)]
    senders = [Stream(first.port, contents[:8], 2), Stream(second.port, contents[8:], 2)]
    for sender in senders:
        sender.start()
    wait_for(lambda: len(senders[0].acknowledged) >= 4, 60)
    first.kill()
    senders[1].join(90)
    acknowledged = {uid for sender in senders for uid in list(sender.acknowledged)}
    assert len(acknowledged) >= 12
    wait_for(lambda: all(sink.sources[uid] == BOTH for uid in acknowledged), 150, 0.3)
    assert all(len(hashes) == 1 for hashes in sink.hashes.values())
    senders[0]._waiting.clear()
    second.stop()
    sink.stop()
    assert threading.active_count() < 60
