"""All that a data set's table knows of its images, whichever kind of table it is."""

from os import PathLike
from pathlib import Path

import numpy as np

from chexnet.datasets.chestxray14 import ChestXray14
from chexnet.datasets.manifest import read_manifest
from chexnet.paper import PATHOLOGIES
from chexnet.tables.labels import FINDING_LABELS, Labels, labels_of, with_demography
from chexnet.tables.table import BadTable, ColumnNames, read_table


def read_known_images(data: str | PathLike[str]) -> Labels:
    """Labels, patient, sex, age and view from a ChestX-ray14 folder, its table alone, or a CSV to train from.

    No image file needs to be there.

    Raises:
        ValueError: the table is damaged, names no patients, or gives two images the same name.
    """
    path = Path(data)
    if path.is_dir():
        return ChestXray14(path).labels()
    table = read_table(path, short_rows=True)
    if FINDING_LABELS in table.columns:
        labels = labels_of(table, PATHOLOGIES, ColumnNames())
        if labels.patients is None:
            raise BadTable(f"{path}: no column 'patient'; a split by patient needs it")
        return labels
    manifest = read_manifest(path)
    if len(set(manifest.image_ids)) < len(manifest):
        raise BadTable(f"{path}: images in different folders have the same name; expected a name for each")
    return with_demography(
        table, manifest.image_ids, manifest.findings, manifest.labels.astype(np.float64), manifest.patients
    )
