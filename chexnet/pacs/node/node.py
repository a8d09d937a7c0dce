"""The node: what it consists of, how it starts and how it stops."""

import logging
import threading
import time
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from chexnet.classifier import load
from chexnet.pacs.node.dispatch import Dispatch
from chexnet.pacs.node.intake import Intake
from chexnet.pacs.node.measures import Measures
from chexnet.pacs.node.monitor import Monitor
from chexnet.pacs.node.node_settings import NodeSettings
from chexnet.pacs.node.prediction_worker import PredictionWorker
from chexnet.pacs.node.spool import Spool
from chexnet.pacs.node.work_queue import CONFIRMED, SENT, work_queue
from chexnet.pacs.objects.identifiers import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION
from chexnet.pacs.transport import Acceptor

_log = logging.getLogger("chexnet.pacs")

_IGNORED = (".", "~", "_")
_UNFINISHED = (".part", ".partial", ".tmp", ".new", ".crdownload")


class Node:
    """Everything that runs: acceptor, prediction, one dispatch for each destination, upkeep, monitor.

    Args:
        settings: see there.

    Raises:
        InvalidModel: the model file cannot be used.
        OSError: a port or the spool cannot be used.
        SQLAlchemyError: the queue cannot be reached.
    """

    def __init__(self, settings: NodeSettings) -> None:
        self.settings = settings
        self._spool = Spool(settings.spool, settings.name)
        self._queue = work_queue(settings.database_url)
        self._measures = Measures(self._queue, self._spool)
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        classifier = load(settings.model, policy=settings.policy, threads=1 if settings.workers > 1 else None)
        commitment = any(one.confirmation == "commitment" for one in settings.destination)
        self._intake = Intake(
            self._spool,
            self._queue,
            self._measures,
            least_free_mb=settings.least_free_mb,
            commitment=commitment,
        )
        self._worker = PredictionWorker(
            self._queue,
            self._spool,
            classifier,
            settings.destination,
            self._measures,
            holder=settings.name,
            lease=settings.lease_seconds,
            # Images stop at the limit, results at a quarter of it: room to build, send and remove.
            least_free_mb=settings.least_free_mb / 4,
        )
        self._acceptor = Acceptor(
            self._intake,
            admission=settings.admission,
            limits=settings.limits,
            host=settings.host,
            port=settings.port,
            tls=None if settings.tls is None else settings.tls.accepting(),
            implementation=(IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION),
            count=self._measures.connection_ended,
        )
        self.monitor = (
            Monitor(
                self._measures.registry,
                self.problems,
                host=settings.monitor_host,
                port=settings.monitor_port,
            )
            if settings.monitor_port >= 0
            else None
        )

    @property
    def port(self) -> int:
        """Where it listens for DICOM."""
        return self._acceptor.port

    def start(self) -> None:
        """Take up what an earlier run left, then listen."""
        settings = self.settings
        self._queue.release_all(settings.name)
        if left := self._spool.sweep(self._queue.files()):
            _log.info("unacknowledged files removed", extra={"files": left})
        for _ in range(settings.workers):
            self._run("prediction", self._worker.run)
        for destination in settings.destination:
            dispatch = Dispatch(
                destination,
                self._queue,
                self._spool,
                self._measures,
                calling=settings.ae_title,
                holder=settings.name,
                lease=settings.lease_seconds,
            )
            self._run(f"dispatch {destination.name}", dispatch.run)
        self._run("upkeep", self._keep_up)
        if settings.watched is not None:
            self._run("watched folder", self._watch)
        self._acceptor.start()
        if self.monitor is not None:
            self.monitor.start()
        _log.info("node started", extra={"port": self.port, "ae_title": settings.ae_title})

    def stop(self) -> None:
        """End in order: accept no more, finish what is in hand, keep the rest in the queue."""
        self._acceptor.stop()
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=30)
        if self.monitor is not None:
            self.monitor.stop()
        self._queue.close()
        _log.info("node stopped")

    def problems(self) -> list[str]:
        """Why the node is not ready, in words; empty when it is."""
        found = [f"{thread.name} has ended" for thread in self._threads if not thread.is_alive()]
        try:
            self._queue.counts()
        except SQLAlchemyError as error:
            found.append(f"the queue cannot be reached ({type(error).__name__})")
        free = self._spool.free_mb()
        if free < self.settings.least_free_mb:
            found.append(f"{free:.0f} MB of free disk; expected at least {self.settings.least_free_mb}")
        return found

    def _run(self, name: str, loop: Callable[[threading.Event], None]) -> None:
        thread = threading.Thread(target=loop, args=(self._stopping,), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _keep_up(self, stopping: threading.Event) -> None:
        """Remove files that are no longer needed, and warn before the disk is full."""
        final = [
            (one.name, SENT if one.confirmation == "none" else CONFIRMED) for one in self.settings.destination
        ]
        while not stopping.wait(1):
            try:
                before = time.time() - 3600 * self.settings.keep_hours
                for image, files in self._queue.finished_files(before, final):
                    for file in files:
                        self._spool.remove(file)
                    self._queue.forget_files(image)
                free = self._spool.free_mb()
                if free < 2 * self.settings.least_free_mb:
                    _log.warning("disk fills up", extra={"free_mb": round(free)})
                    stopping.wait(10)
            except (SQLAlchemyError, OSError) as error:
                _log.error("upkeep failed", extra={"reason": f"{type(error).__name__}: {error}"[:300]})
                stopping.wait(5)

    def _watch(self, stopping: threading.Event) -> None:
        """Take in the files of the watched folder; a file is complete when it has its final name."""
        folder = self.settings.watched
        assert folder is not None
        while not stopping.wait(1):
            try:
                for path in sorted(folder.iterdir()):
                    hidden = path.name.startswith(_IGNORED) or path.suffix in _UNFINISHED
                    if hidden or not path.is_file():
                        continue
                    if self._spool.free_mb() >= self.settings.least_free_mb:
                        self._intake.take_file(path)
                        path.unlink()
            except (SQLAlchemyError, OSError) as error:
                _log.error("watched folder", extra={"reason": f"{type(error).__name__}: {error}"[:300]})
