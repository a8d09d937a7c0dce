"""`chexnet node` as a process of its own, and peers that send to it."""

import io
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx
from pydicom import Dataset, dcmread
from pynetdicom import AE
from pynetdicom.presentation import build_context

from chexnet.pacs.node import WorkQueue, node_settings, work_queue

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    """A port outside the range that outgoing connections are given, so that none takes it in between."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def toml(values: dict[str, Any], section: str = "") -> str:
    """The values as TOML: scalars, lists, tables, lists of tables."""
    plain, below = [], []
    for name, value in values.items():
        path = f"{section}.{name}" if section else name
        if isinstance(value, dict):
            below.append(f"[{path}]\n{toml(value, path)}")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            below += [f"[[{path}]]\n{toml(one, path)}" for one in value]
        else:
            plain.append(f"{name} = {json.dumps(value)}")
    return "\n".join([*plain, *below]) + "\n"


class RealNode:
    """The node in a folder; it can be killed and started again on the same ports."""

    def __init__(self, folder: Path, destinations: list[dict[str, Any]], **settings: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port, self.monitor_port = free_port(), free_port()
        self.config = folder / "node.toml"
        values = {
            "spool": str(folder / "spool"),
            "port": self.port,
            "monitor_port": self.monitor_port,
            "least_free_mb": 1,
            **settings,
            "destination": destinations,
        }
        self.spool = Path(values["spool"])
        self.config.write_text(toml(values))
        self.log = folder / "node.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, seconds: float = 180) -> "RealNode":
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "chexnet", "node", "--config", str(self.config)],
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
            )
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self._process.poll() is None, self.log.read_text()[-3000:]
            try:
                if httpx.get(f"http://127.0.0.1:{self.monitor_port}/healthz", timeout=1).status_code == 200:
                    return self
            except httpx.HTTPError:
                time.sleep(0.1)
        raise AssertionError(self.log.read_text()[-3000:])

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()

    def memory_mb(self) -> float:
        assert self._process is not None
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return float(status.split("VmRSS:")[1].split()[0]) / 1024

    def work_queue(self) -> WorkQueue:
        return work_queue(node_settings(self.config, {}).database_url)

    def listed(self, state: str | None = None) -> list[dict[str, Any]]:
        queue = self.work_queue()
        try:
            return queue.listed(state, 10000)
        finally:
            queue.close()

    def metrics(self) -> str:
        return httpx.get(f"http://127.0.0.1:{self.monitor_port}/metrics", timeout=10).text

    def metric(self, name: str) -> float:
        lines = [line for line in self.metrics().splitlines() if line.startswith(name)]
        return sum(float(line.rpartition(" ")[2]) for line in lines)


def sink_destination(port: int, **settings: Any) -> dict[str, Any]:
    return {"name": "sink", "host": "127.0.0.1", "port": port, "ae_title": "SINK", **settings}


def send(
    port: int, contents: list[bytes], calling: str = "MODALITY", timeout: float = 20
) -> list[int | None]:
    """Send files on one association; the status of each, None where none came."""
    datasets = [dcmread(io.BytesIO(content)) for content in contents]
    entity = AE(ae_title=calling)
    for name in ("acse_timeout", "dimse_timeout", "network_timeout", "connection_timeout"):
        setattr(entity, name, timeout)
    pairs = {(str(one.SOPClassUID), str(one.file_meta.TransferSyntaxUID)) for one in datasets}
    contexts = [build_context(sop_class, syntax) for sop_class, syntax in sorted(pairs)]
    association = entity.associate("127.0.0.1", port, contexts=contexts, ae_title="CHEXNET")
    if not association.is_established:
        return [None] * len(datasets)
    statuses: list[int | None] = []
    for dataset in datasets:
        try:
            statuses.append(association.send_c_store(dataset).get("Status"))
        except (RuntimeError, ValueError):
            statuses.append(None)
    if association.is_established:
        association.release()
    else:
        association.abort()
    return statuses


def echo(port: int, timeout: float = 5) -> float:
    """Seconds that a C-ECHO takes, association included."""
    entity = AE(ae_title="ECHO")
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = timeout
    began = time.monotonic()
    association = entity.associate("127.0.0.1", port, contexts=[build_context("1.2.840.10008.1.1")])
    assert association.is_established
    status = association.send_c_echo()
    took = time.monotonic() - began
    assert status.Status == 0
    association.release()
    return took


class Stream(threading.Thread):
    """Sends objects until each was acknowledged, over and over, as modalities do."""

    def __init__(self, port: int, contents: list[bytes], per_association: int = 5) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._waiting = list(contents)
        self._many = per_association
        self.acknowledged: list[str] = []
        self.tries = 0

    def run(self) -> None:
        while self._waiting:
            batch = self._waiting[: self._many]
            self.tries += 1
            try:
                statuses = send(self._port, batch, timeout=15)
            except Exception:
                statuses = [None] * len(batch)
            for content, status in zip(batch, statuses, strict=True):
                if status == 0:
                    self._waiting.remove(content)
                    dataset: Dataset = dcmread(io.BytesIO(content), stop_before_pixels=True)
                    self.acknowledged.append(str(dataset.SOPInstanceUID))
            if None in statuses:
                time.sleep(0.3)
