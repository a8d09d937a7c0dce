"""The queue as people and metrics see it: counts, lists, and how it is mended."""

import time
from typing import Any

from sqlalchemy import Engine, func, or_, select, update

from chexnet.pacs.node.queue_tables import (
    DEAD,
    DROPPED,
    PREDICTED,
    RECEIVED,
    WAITING,
    deliveries,
    images,
    results,
)


class QueueReview:
    """Looks at the queue and mends it; `WorkQueue` adds the work itself."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def files(self) -> set[str]:
        """The files of all images that still have one."""
        with self._engine.begin() as connection:
            return set(connection.execute(select(images.c.file).where(images.c.file != "")).scalars())

    def forget_files(self, image: int) -> None:
        """Note that an image's files are gone."""
        with self._engine.begin() as connection:
            connection.execute(update(images).where(images.c.id == image).values(file=""))

    def is_result(self, sop_instance_uid: str) -> bool:
        """Whether this queue made the object."""
        with self._engine.begin() as connection:
            query = select(results.c.id).where(results.c.sop_instance_uid == sop_instance_uid)
            return connection.execute(query).first() is not None

    def counts(self) -> dict[tuple[str, str], int]:
        """How many there are: by ("images", state) and by (destination, state)."""
        with self._engine.begin() as connection:
            found = {
                ("images", state): count
                for state, count in connection.execute(
                    select(images.c.state, func.count()).group_by(images.c.state)
                )
            }
            for destination, state, count in connection.execute(
                select(deliveries.c.destination, deliveries.c.state, func.count()).group_by(
                    deliveries.c.destination, deliveries.c.state
                )
            ):
                found[destination, state] = count
        return found

    def oldest(self) -> float | None:
        """When the oldest image arrived that is not through yet; None where all are."""
        waiting = (
            select(results.c.image)
            .join(deliveries, deliveries.c.result == results.c.id)
            .where(deliveries.c.state == WAITING)
        )
        with self._engine.begin() as connection:
            return connection.execute(
                select(func.min(images.c.received_at)).where(
                    or_(images.c.state.in_((RECEIVED, PREDICTED)), images.c.id.in_(waiting))
                )
            ).scalar_one()

    def listed(self, state: str | None, limit: int) -> list[dict[str, Any]]:
        """Rows for `chexnet queue list`: images, then deliveries, newest first."""
        with self._engine.begin() as connection:
            rows: list[dict[str, Any]] = []
            for name, table, query in (
                ("image", images, select(images)),
                ("delivery", deliveries, select(deliveries, results.c.image).join(results)),
            ):
                chosen = query if state is None else query.where(table.c.state == state)
                for row in connection.execute(chosen.order_by(table.c.id.desc()).limit(limit)):
                    rows.append({"what": name, **_shown(row._mapping)})
        return rows

    def shown(self, image: int) -> dict[str, Any] | None:
        """One image with its results and deliveries; None where there is none of that number."""
        with self._engine.begin() as connection:
            row = connection.execute(select(images).where(images.c.id == image)).first()
            if row is None:
                return None
            made = connection.execute(
                select(deliveries, results.c.kind, results.c.sop_class_uid)
                .join(results)
                .where(results.c.image == image)
                .order_by(deliveries.c.id)
            ).all()
        return {**_shown(row._mapping), "deliveries": [_shown(one._mapping) for one in made]}

    def retry(self, image: int | None, destination: str | None) -> int:
        """Make dead letters due again, and failed images and waiting deliveries due now; how many."""
        due = {"due_at": 0.0, "held_until": 0.0, "holder": ""}
        with self._engine.begin() as connection:
            query = update(deliveries).where(deliveries.c.state.in_((DEAD, WAITING)))
            if image is not None:
                query = query.where(
                    deliveries.c.result.in_(select(results.c.id).where(results.c.image == image))
                )
            if destination is not None:
                query = query.where(deliveries.c.destination == destination)
            count = connection.execute(
                query.values(state=WAITING, attempts=0, first_tried_at=0.0, **due)
            ).rowcount
            if destination is None:
                again = update(images).where(images.c.state.in_((RECEIVED, PREDICTED)))
                if image is not None:
                    again = again.where(images.c.id == image)
                count += connection.execute(again.values(attempts=0, **due)).rowcount
        return count

    def drop(self, image: int) -> int:
        """Give an image up: no more results, and none of its deliveries is tried again; how many were."""
        with self._engine.begin() as connection:
            made = select(results.c.id).where(results.c.image == image)
            count = connection.execute(
                update(deliveries)
                .where(deliveries.c.result.in_(made), deliveries.c.state.in_((WAITING, DEAD)))
                .values(state=DROPPED)
            ).rowcount
            count += connection.execute(
                update(images)
                .where(images.c.id == image, images.c.state.in_((RECEIVED, PREDICTED)))
                .values(state=DROPPED, finished_at=time.time())
            ).rowcount
        return count


_HIDDEN = ("sop_instance_uid", "sha256", "prediction", "file")
"""Left out of lists: what identifies an image, or is long."""


def _shown(row: Any) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in _HIDDEN}
