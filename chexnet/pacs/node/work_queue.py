"""The durable queue: received -> predicted -> built -> sent -> confirmed, in SQLite or PostgreSQL.

A step is done by whoever holds its lease, and each step may be done twice with the same effect. What has a
row here is never forgotten; what the disk holds without a row was never acknowledged.
"""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Connection,
    and_,
    create_engine,
    event,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from chexnet.pacs.node.queue_review import QueueReview
from chexnet.pacs.node.queue_tables import (
    BUILT,
    CONFIRMED,
    DEAD,
    DROPPED,
    METADATA,
    PREDICTED,
    RECEIVED,
    SENT,
    WAITING,
    deliveries,
    images,
    results,
)
from chexnet.pacs.objects import Predecessor, ResultObject

__all__ = [
    "CONFIRMED",
    "DEAD",
    "SENT",
    "WAITING",
    "Arrival",
    "Delivery",
    "ImageTask",
    "WorkQueue",
    "back_off",
    "work_queue",
]

LONGEST_WAIT = 3600.0
"""Seconds between two tries, at most."""


@dataclass(frozen=True)
class Arrival:
    """An image that is on the disk, to be queued."""

    sop_instance_uid: str
    sha256: str
    file: str
    bytes: int
    calling: str
    received_at: float


@dataclass(frozen=True)
class ImageTask:
    """An image to predict."""

    id: int
    sop_instance_uid: str
    file: str
    received_at: float
    attempts: int


@dataclass(frozen=True)
class Delivery:
    """A result to send to one destination, or to confirm there."""

    id: int
    image: int
    destination: str
    study_uid: str
    series_uid: str
    sop_class_uid: str
    sop_instance_uid: str
    file: str
    attempts: int
    first_tried_at: float


def back_off(attempts: int, first: float = 2.0) -> float:
    """Seconds until the next try: doubled each time up to an hour, and spread over half to all of it."""
    return min(LONGEST_WAIT, first * 2.0 ** min(attempts, 20)) * random.uniform(0.5, 1.0)


def work_queue(url: str) -> "WorkQueue":
    """Open the queue, and make its tables where they are missing.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: the database cannot be reached or written.
    """
    engine = create_engine(url, pool_pre_ping=True, connect_args=_connect_args(url))
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _durable_sqlite)
        event.listen(engine, "begin", _lock_at_once)
    METADATA.create_all(engine)
    return WorkQueue(engine)


def _connect_args(url: str) -> dict[str, Any]:
    return {"timeout": 60} if url.startswith("sqlite") else {}


def _durable_sqlite(connection: Any, _record: Any) -> None:
    # SQLAlchemy begins; Python's driver must not.
    connection.isolation_level = None
    for setting in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=60000", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {setting}")


def _lock_at_once(connection: Connection) -> None:
    """A transaction that reads first and writes later would fail where another wrote in between."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


class WorkQueue(QueueReview):
    """The queue; safe to share among threads. Each method is one transaction."""

    def add(self, arrival: Arrival) -> bool:
        """Queue an image; False where the same object, byte for byte, was queued before."""
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(images).values(state=RECEIVED, **vars(arrival)))
        except IntegrityError:
            return False
        return True

    def take_image(self, holder: str, lease: float) -> ImageTask | None:
        """The next image to predict, leased to the holder."""
        now = time.time()
        with self._engine.begin() as connection:
            row = connection.execute(
                select(images)
                .where(
                    images.c.state.in_((RECEIVED, PREDICTED)),
                    images.c.due_at <= now,
                    images.c.held_until <= now,
                )
                .order_by(images.c.id)
                .limit(1)
                .with_for_update(skip_locked=True)
            ).first()
            if row is None:
                return None
            connection.execute(
                update(images).where(images.c.id == row.id).values(holder=holder, held_until=now + lease)
            )
        return ImageTask(row.id, row.sop_instance_uid, row.file, row.received_at, row.attempts)

    def predicted(self, image: int, outcome: str, reason: str, prediction: str) -> None:
        """Note what was predicted, before results are built of it."""
        with self._engine.begin() as connection:
            connection.execute(
                update(images)
                .where(images.c.id == image)
                .values(state=PREDICTED, outcome=outcome, reason=reason, prediction=prediction)
            )

    def built(self, image: int, made: Sequence[tuple[ResultObject, str, Sequence[str]]]) -> None:
        """Queue results for their destinations.

        Args:
            image: the source's row.
            made: each result, its file, and the names of its destinations.
        """
        now = time.time()
        with self._engine.begin() as connection:
            state = connection.execute(select(images.c.state).where(images.c.id == image)).scalar_one()
            if state in (BUILT, DROPPED):
                return
            for result, file, destinations in made:
                # Built before by another row of the same source within the same second: sent once.
                if connection.execute(
                    select(results.c.id).where(results.c.sop_instance_uid == result.sop_instance_uid)
                ).first():
                    continue
                row = connection.execute(
                    insert(results).values(
                        image=image,
                        kind=result.kind,
                        study_uid=result.study_uid,
                        series_uid=result.series_uid,
                        sop_class_uid=result.sop_class_uid,
                        sop_instance_uid=result.sop_instance_uid,
                        file=file,
                    )
                ).inserted_primary_key
                assert row is not None
                for destination in destinations:
                    connection.execute(
                        insert(deliveries).values(result=row[0], destination=destination, state=WAITING)
                    )
            connection.execute(
                update(images)
                .where(images.c.id == image)
                .values(state=BUILT, holder="", held_until=0.0, finished_at=now)
            )

    def predecessors(self, sop_instance_uid: str, image: int) -> tuple[Predecessor, ...]:
        """The newest earlier results of the same source, one for each kind."""
        with self._engine.begin() as connection:
            rows = connection.execute(
                select(results)
                .join(images, images.c.id == results.c.image)
                .where(images.c.sop_instance_uid == sop_instance_uid, images.c.id < image)
                .order_by(results.c.id)
            ).all()
        newest = {row.kind: row for row in rows}
        return tuple(
            Predecessor(row.kind, row.study_uid, row.series_uid, row.sop_class_uid, row.sop_instance_uid)
            for row in newest.values()
        )

    def image_failed(self, image: int, reason: str, attempts: int) -> None:
        """Try again later."""
        with self._engine.begin() as connection:
            connection.execute(
                update(images)
                .where(images.c.id == image)
                .values(
                    attempts=attempts + 1,
                    due_at=time.time() + back_off(attempts),
                    reason=reason,
                    holder="",
                    held_until=0.0,
                )
            )

    def take_deliveries(
        self, destination: str, state: str, holder: str, lease: float, count: int
    ) -> list[Delivery]:
        """Due deliveries of one destination, leased to the holder, oldest first."""
        now = time.time()
        with self._engine.begin() as connection:
            rows = connection.execute(
                select(
                    deliveries.c.id,
                    results.c.image,
                    deliveries.c.destination,
                    results.c.study_uid,
                    results.c.series_uid,
                    results.c.sop_class_uid,
                    results.c.sop_instance_uid,
                    results.c.file,
                    deliveries.c.attempts,
                    deliveries.c.first_tried_at,
                )
                .join(results, results.c.id == deliveries.c.result)
                .where(
                    deliveries.c.destination == destination,
                    deliveries.c.state == state,
                    deliveries.c.due_at <= now,
                    deliveries.c.held_until <= now,
                )
                .order_by(deliveries.c.id)
                .limit(count)
                .with_for_update(skip_locked=True, of=deliveries)
            ).all()
            taken = [row.id for row in rows]
            if taken:
                connection.execute(
                    update(deliveries)
                    .where(deliveries.c.id.in_(taken))
                    .values(holder=holder, held_until=now + lease)
                )
        return [Delivery(**row._mapping) for row in rows]

    def settle(self, delivery: int, state: str, *, reason: str = "", wait: float = 0.0) -> None:
        """Record a delivery's new state; it is due again after `wait` seconds."""
        now = time.time()
        values: dict[str, Any] = {
            "state": state,
            "reason": reason,
            "due_at": now + wait,
            "holder": "",
            "held_until": 0.0,
        }
        if state == SENT:
            values |= {"sent_at": now, "attempts": 0}
        with self._engine.begin() as connection:
            connection.execute(update(deliveries).where(deliveries.c.id == delivery).values(values))

    def delivery_failed(self, delivery: Delivery, state: str, reason: str, wait: float) -> None:
        """Count a failed try of a delivery that stays in `state`."""
        now = time.time()
        with self._engine.begin() as connection:
            connection.execute(
                update(deliveries)
                .where(deliveries.c.id == delivery.id)
                .values(
                    state=state,
                    reason=reason,
                    attempts=delivery.attempts + 1,
                    first_tried_at=delivery.first_tried_at or now,
                    due_at=now + wait,
                    holder="",
                    held_until=0.0,
                )
            )

    def release(self, taken: Sequence[Delivery]) -> None:
        """Give leased deliveries back untried."""
        if not taken:
            return
        with self._engine.begin() as connection:
            connection.execute(
                update(deliveries)
                .where(deliveries.c.id.in_([one.id for one in taken]))
                .values(holder="", held_until=0.0)
            )

    def asked(self, taken: Sequence[Delivery], transaction: str, wait: float) -> None:
        """Note the transaction in which the destination was asked to commit."""
        with self._engine.begin() as connection:
            connection.execute(
                update(deliveries)
                .where(deliveries.c.id.in_([one.id for one in taken]))
                .values(transaction=transaction, due_at=time.time() + wait, holder="", held_until=0.0)
            )

    def reported(self, transaction: str, kept: Sequence[str], failed: Sequence[str]) -> int:
        """Take in a report of storage commitment; how many deliveries it was news for.

        A late or repeated report finds its deliveries confirmed already and changes nothing.
        """
        with self._engine.begin() as connection:
            news = 0
            for uids, values in (
                (kept, {"state": CONFIRMED, "reason": ""}),
                (failed, {"state": WAITING, "reason": "not committed", "due_at": 0.0}),
            ):
                chosen = select(results.c.id).where(results.c.sop_instance_uid.in_(uids))
                news += connection.execute(
                    update(deliveries)
                    .where(
                        deliveries.c.result.in_(chosen),
                        deliveries.c.state == SENT,
                        deliveries.c.transaction == transaction,
                    )
                    .values(holder="", held_until=0.0, **values)
                ).rowcount
        return news

    def release_all(self, holder: str) -> None:
        """Give back what an earlier run of the same node held when it ended."""
        with self._engine.begin() as connection:
            for table in (images, deliveries):
                connection.execute(
                    update(table).where(table.c.holder == holder).values(holder="", held_until=0.0)
                )

    def finished_files(self, before: float, final: Sequence[tuple[str, str]]) -> list[tuple[int, list[str]]]:
        """Images whose every delivery is final since `before`, with all of their files.

        Args:
            before: seconds since 1970.
            final: for each destination the state in which nothing is left to do.
        """
        done = or_(
            deliveries.c.state == DROPPED,
            *(
                and_(deliveries.c.destination == destination, deliveries.c.state == state)
                for destination, state in final
            ),
        )
        unfinished = (
            select(results.c.image).join(deliveries, deliveries.c.result == results.c.id).where(~done)
        )
        with self._engine.begin() as connection:
            rows = connection.execute(
                select(images.c.id, images.c.file)
                .where(
                    images.c.state.in_((BUILT, DROPPED)),
                    images.c.file != "",
                    images.c.finished_at <= before,
                    images.c.id.not_in(unfinished),
                )
                .limit(500)
            ).all()
            made = connection.execute(
                select(results.c.image, results.c.file).where(results.c.image.in_([row.id for row in rows]))
            ).all()
        return [(row.id, [row.file, *(one.file for one in made if one.image == row.id)]) for row in rows]
