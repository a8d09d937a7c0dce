"""received -> predicted -> built: one image at a time, each step repeatable with the same result."""

import json
import logging
import threading
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from sqlalchemy.exc import SQLAlchemyError

from chexnet.classifier import Classifier, Prediction
from chexnet.pacs.node.measures import Measures
from chexnet.pacs.node.node_settings import Destination
from chexnet.pacs.node.spool import Spool
from chexnet.pacs.node.work_queue import ImageTask, WorkQueue
from chexnet.pacs.objects import (
    NoStudy,
    ObjectSet,
    ResultObject,
    measured_worth,
    result_objects,
    source_header,
)
from chexnet.radiograph import NotAChestRadiograph, Radiograph, UnreadableImage, read_radiograph

_log = logging.getLogger("chexnet.pacs")


class PredictionWorker:
    """Predicts queued images until it is stopped; one of these runs on each of several threads.

    Args:
        holder: this node's name, under which tasks are leased.
        lease: seconds.
        least_free_mb: below it nothing is built, so that the queue can still note what was sent.
    """

    def __init__(
        self,
        queue: WorkQueue,
        spool: Spool,
        classifier: Classifier,
        destinations: Sequence[Destination],
        measures: Measures,
        *,
        holder: str,
        lease: float,
        least_free_mb: float,
    ) -> None:
        self._least_free_mb = least_free_mb
        self._queue = queue
        self._spool = spool
        self._classifier = classifier
        self._destinations = destinations
        self._measures = measures
        self._holder = holder
        self._lease = lease
        self._worth = measured_worth(classifier)

    def run(self, stopping: threading.Event) -> None:
        """Work until `stopping`; a failure is logged and the task tried again later."""
        while not stopping.is_set():
            if self._spool.free_mb() < self._least_free_mb:
                stopping.wait(1)
                continue
            try:
                task = self._queue.take_image(self._holder, self._lease)
            except SQLAlchemyError as error:
                _log.error("queue unavailable", extra={"reason": type(error).__name__})
                stopping.wait(1)
                continue
            if task is None:
                stopping.wait(0.2)
                continue
            self._work(task)

    def _work(self, task: ImageTask) -> None:
        try:
            self._finish(task)
        except Exception as error:
            # Whatever one image does, the next ones are served; the cause is on the row and in the log.
            _log.exception("prediction failed", extra={"image": task.id})
            try:
                self._queue.image_failed(task.id, f"{type(error).__name__}: {error}"[:500], task.attempts)
            except SQLAlchemyError:
                _log.error("queue unavailable", extra={"image": task.id})

    def _finish(self, task: ImageTask) -> None:
        content = self._spool.read(task.file)
        radiograph, prediction = self._predict(content)
        self._queue.predicted(
            task.id, prediction.status, prediction.reason or "", json.dumps(_findings(prediction))
        )
        made: list[tuple[ResultObject, str, Sequence[str]]] = []
        problem = prediction.reason if prediction.status == "error" else None
        if problem is None:
            try:
                made = self._built(task, content, radiograph, prediction)
            except NoStudy as reason:
                problem = str(reason)
        self._queue.built(task.id, made)
        self._measures.predicted(prediction)
        _log.info(
            "image done",
            extra={
                "image": task.id,
                "outcome": prediction.status if problem is None else "no result",
                "results": len(made),
            },
        )

    def _predict(self, content: bytes) -> tuple[Radiograph | None, Prediction]:
        try:
            radiograph = read_radiograph(content, name="image")
            return radiograph, self._classifier.predict(radiograph)
        except UnreadableImage as error:
            status, reason = "error", str(error)
        except NotAChestRadiograph as error:
            status, reason = "refused", str(error)
        return None, Prediction(
            "image", "refused" if status == "refused" else "error", reason, (), self._classifier.identity
        )

    def _built(
        self, task: ImageTask, content: bytes, radiograph: Radiograph | None, prediction: Prediction
    ) -> list[tuple[ResultObject, str, Sequence[str]]]:
        """The objects of all destinations, written to the spool; the same object is made once."""
        for note in source_header(content).notes:
            _log.info("source repaired", extra={"image": task.id, "note": note})
        made_at = datetime.fromtimestamp(task.received_at, UTC).astimezone().replace(tzinfo=None)
        predecessors = self._queue.predecessors(task.sop_instance_uid, task.id)
        wanted: dict[str, tuple[ResultObject, list[str]]] = {}
        sets: dict[ObjectSet, list[ResultObject]] = {}
        for destination in self._destinations:
            if destination.objects not in sets:
                sets[destination.objects] = result_objects(
                    content,
                    radiograph,
                    prediction,
                    made_at=made_at,
                    objects=destination.objects,
                    worth=self._worth,
                    predecessors=predecessors,
                )
            for result in sets[destination.objects]:
                _, names = wanted.setdefault(result.sop_instance_uid, (result, []))
                names.append(destination.name)
        return [
            (result, self._spool.write(f"{uid}.dcm", result.content), names)
            for uid, (result, names) in wanted.items()
        ]


def _findings(prediction: Prediction) -> list[dict[str, object]]:
    return [asdict(finding) for finding in prediction.findings]
