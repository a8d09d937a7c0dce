"""built -> sent -> confirmed: one thread for each destination, with a circuit of its own."""

import logging
import threading
import time
from collections.abc import Callable, Sequence

from sqlalchemy.exc import SQLAlchemyError

from chexnet.pacs.node.confirmation import ask_to_commit, found
from chexnet.pacs.node.measures import Measures
from chexnet.pacs.node.node_settings import Destination, InvalidSettings
from chexnet.pacs.node.spool import Spool
from chexnet.pacs.node.transmission import Answer, Unreachable, transmission
from chexnet.pacs.node.work_queue import (
    CONFIRMED,
    DEAD,
    SENT,
    WAITING,
    Delivery,
    WorkQueue,
    back_off,
)

_log = logging.getLogger("chexnet.pacs")

_PAUSE = 0.2
_LEAST_LEASE = 60.0
_MOST_CIRCUIT_WAIT = 300.0


class Dispatch:
    """Sends one destination's results, oldest first, until it is stopped.

    Args:
        calling: AE title of the node.
        holder: this node's name.
        lease: seconds; at least a minute.
    """

    def __init__(
        self,
        destination: Destination,
        queue: WorkQueue,
        spool: Spool,
        measures: Measures,
        *,
        calling: str,
        holder: str,
        lease: float,
    ) -> None:
        self._destination = destination
        self._queue = queue
        self._measures = measures
        self._calling = calling
        self._holder = holder
        self._lease = max(lease, _LEAST_LEASE)
        self._way = transmission(destination, spool, calling)
        self._failures = 0

    def run(self, stopping: threading.Event) -> None:
        """Send and confirm; while the destination cannot be reached, one batch is tried now and then."""
        while not stopping.is_set():
            try:
                busy = self._send(stopping)
                busy = self._confirm() or busy
                self._failures = 0
                stopping.wait(0 if busy else _PAUSE)
            except (Unreachable, InvalidSettings) as error:
                self._failures += 1
                wait = min(_MOST_CIRCUIT_WAIT, back_off(self._failures, 0.5))
                self._measures.sent(self._destination.name, "unreachable")
                _log.warning(
                    "destination unreachable",
                    extra={
                        "destination": self._destination.name,
                        "reason": str(error)[:300],
                        "next_try_seconds": round(wait, 1),
                    },
                )
                stopping.wait(wait)
            except SQLAlchemyError as error:
                _log.error("queue unavailable", extra={"reason": type(error).__name__})
                stopping.wait(1)
            except Exception:
                _log.exception("sending failed", extra={"destination": self._destination.name})
                stopping.wait(5)

    def _send(self, stopping: threading.Event) -> bool:
        """Send one batch; False where nothing was due."""
        batch = self._take(WAITING)
        untried = list(batch)
        try:
            for delivery, answer in self._way.send(batch) if batch else ():
                self._record(delivery, answer)
                untried.remove(delivery)
                if stopping.is_set():
                    break
        finally:
            self._queue.release(untried)
        return bool(batch)

    def _take(self, state: str) -> list[Delivery]:
        destination = self._destination
        return self._queue.take_deliveries(
            destination.name, state, self._holder, self._lease, destination.batch
        )

    def _record(self, delivery: Delivery, answer: Answer) -> None:
        destination = self._destination
        self._measures.sent(destination.name, answer.outcome)
        if answer.outcome == "sent":
            wait = 0.0 if destination.confirmation == "commitment" else destination.confirm_seconds
            self._queue.settle(delivery.id, SENT, reason=answer.reason, wait=wait)
            return
        began = delivery.first_tried_at or time.time()
        late = time.time() - began > 86400 * destination.retry_days
        dead = answer.outcome == "permanent" or late
        reason = f"{answer.reason}, given up after {destination.retry_days:g} days" if late else answer.reason
        self._queue.delivery_failed(delivery, DEAD if dead else WAITING, reason, back_off(delivery.attempts))
        _log.log(
            logging.ERROR if dead else logging.WARNING,
            "delivery dead" if dead else "delivery failed",
            extra={"image": delivery.image, "destination": destination.name, "reason": reason},
        )

    def _confirm(self) -> bool:
        """Ask after one batch of sent objects; False where none was due, or none is asked after."""
        destination = self._destination
        if destination.confirmation == "none":
            return False
        batch = self._take(SENT)
        if not batch:
            return False
        try:
            if destination.confirmation == "commitment":
                self._commit(batch)
            else:
                self._look_up(batch)
        except Unreachable:
            self._queue.release(batch)
            raise
        return True

    def _look_up(self, batch: Sequence[Delivery]) -> None:
        for delivery_id, there in found(self._destination, self._calling, batch).items():
            if there:
                self._queue.settle(delivery_id, CONFIRMED)
            else:
                self._resend(next(one for one in batch if one.id == delivery_id))

    def _resend(self, delivery: Delivery) -> None:
        """What a destination acknowledged and does not have goes to it again."""
        _log.warning(
            "result not found, sent again",
            extra={"image": delivery.image, "destination": self._destination.name},
        )
        self._queue.delivery_failed(delivery, WAITING, "not found at the destination", 0.0)

    def _commit(self, batch: Sequence[Delivery]) -> None:
        """Ask for a report; without one in time, ask again, and after three times send again."""
        tired = [delivery for delivery in batch if delivery.attempts >= 3]
        for delivery in tired:
            self._resend(delivery)
        fresh = [delivery for delivery in batch if delivery.attempts < 3]
        if not fresh:
            return
        for delivery in fresh:
            self._queue.delivery_failed(delivery, SENT, "commitment asked for", 3600.0)
        ask_to_commit(self._queue, self._destination, self._calling, fresh)


Looper = Callable[[threading.Event], None]
