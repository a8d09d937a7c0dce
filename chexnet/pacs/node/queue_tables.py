"""The tables of the queue, and the states of their rows."""

from typing import Any

from sqlalchemy import (
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

METADATA = MetaData()


def _leased() -> list[Column[Any]]:
    """What every task has: its holder, how often it was tried, when it is due, why it failed last."""
    return [
        Column("holder", String(128), nullable=False, default=""),
        Column("held_until", Float, nullable=False, default=0.0),
        Column("attempts", Integer, nullable=False, default=0),
        Column("due_at", Float, nullable=False, default=0.0),
        Column("reason", Text, nullable=False, default=""),
    ]


images = Table(
    "images",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("sop_instance_uid", String(64), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("file", String(255), nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("calling", String(64), nullable=False),
    Column("received_at", Float, nullable=False),
    Column("state", String(16), nullable=False),
    Column("outcome", String(16), nullable=False, default=""),
    Column("prediction", Text, nullable=False, default=""),
    Column("finished_at", Float, nullable=False, default=0.0),
    *_leased(),
    UniqueConstraint("sop_instance_uid", "sha256"),
    Index("images_by_state", "state", "due_at"),
)

results = Table(
    "results",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("image", ForeignKey("images.id"), nullable=False, index=True),
    Column("kind", String(32), nullable=False),
    Column("study_uid", String(64), nullable=False),
    Column("series_uid", String(64), nullable=False),
    Column("sop_class_uid", String(64), nullable=False),
    Column("sop_instance_uid", String(64), nullable=False, unique=True),
    Column("file", String(255), nullable=False),
)

deliveries = Table(
    "deliveries",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("result", ForeignKey("results.id"), nullable=False),
    Column("destination", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("first_tried_at", Float, nullable=False, default=0.0),
    Column("sent_at", Float, nullable=False, default=0.0),
    Column("transaction", String(64), nullable=False, default=""),
    *_leased(),
    UniqueConstraint("result", "destination"),
    Index("deliveries_by_state", "destination", "state", "due_at"),
)

RECEIVED, PREDICTED, BUILT, DROPPED = "received", "predicted", "built", "dropped"
WAITING, SENT, CONFIRMED, DEAD = "waiting", "sent", "confirmed", "dead"
