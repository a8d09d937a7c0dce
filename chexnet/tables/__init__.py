"""Every table that comes from outside, read once: labels, predictions, readings, boxes, lists of images."""

from chexnet.tables.boxes import IMAGE_SIDE, Boxes, read_boxes
from chexnet.tables.columns import USUAL_COLUMNS, BadTable, ColumnNames, closest, same_finding
from chexnet.tables.image_lists import SplitLists, hash_image_ids, read_image_list
from chexnet.tables.image_names import MatchedImages, image_name, match_images
from chexnet.tables.joined import Cohort, join, join_file, read_cohort
from chexnet.tables.labels import (
    Labels,
    is_nih,
    label_columns,
    labels_of,
    patients_of,
    read_labels,
    with_demography,
)
from chexnet.tables.predictions import Predictions, prediction_columns, predictions_of, read_predictions
from chexnet.tables.readings import Readings, read_readings, reading_columns, readings_of
from chexnet.tables.table import Table, read_table, refuse_unknown_columns

__all__ = [
    "IMAGE_SIDE",
    "USUAL_COLUMNS",
    "BadTable",
    "Boxes",
    "Cohort",
    "ColumnNames",
    "Labels",
    "MatchedImages",
    "Predictions",
    "Readings",
    "SplitLists",
    "Table",
    "closest",
    "hash_image_ids",
    "image_name",
    "is_nih",
    "join",
    "join_file",
    "label_columns",
    "labels_of",
    "match_images",
    "patients_of",
    "prediction_columns",
    "predictions_of",
    "read_boxes",
    "read_cohort",
    "read_image_list",
    "read_labels",
    "read_predictions",
    "read_readings",
    "read_table",
    "reading_columns",
    "readings_of",
    "refuse_unknown_columns",
    "same_finding",
    "with_demography",
]
