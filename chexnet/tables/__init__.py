"""Every table that comes from outside, read once: labels, predictions, readings, boxes, lists of images."""

from chexnet.tables.boxes import Boxes, read_boxes
from chexnet.tables.image_lists import hash_image_ids, read_image_list
from chexnet.tables.joined import Cohort, join, join_file, read_cohort
from chexnet.tables.labels import Labels, read_labels
from chexnet.tables.predictions import Predictions, prediction_columns, read_predictions
from chexnet.tables.readings import Readings, read_readings
from chexnet.tables.table import (
    BadTable,
    ColumnNames,
    closest,
    read_table,
    refuse_unknown_columns,
    same_finding,
)

__all__ = [
    "BadTable",
    "Boxes",
    "Cohort",
    "ColumnNames",
    "Labels",
    "Predictions",
    "Readings",
    "closest",
    "hash_image_ids",
    "join",
    "join_file",
    "prediction_columns",
    "read_boxes",
    "read_cohort",
    "read_image_list",
    "read_labels",
    "read_predictions",
    "read_readings",
    "read_table",
    "refuse_unknown_columns",
    "same_finding",
]
