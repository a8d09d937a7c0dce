"""A data set as users name it: a ChestX-ray14 folder, a table in NIH's columns, or a table of one's own."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chexnet.datasets.chestxray14 import ChestXray14
from chexnet.datasets.manifest import Manifest, read_manifest
from chexnet.tables import USUAL_COLUMNS, ColumnNames, Labels, is_nih, read_table, with_demography


@dataclass(frozen=True)
class Source:
    """Images with their labels and patients, whichever kind of table says so.

    Attributes:
        data: a ChestX-ray14 folder as NIH ships it, its table or a part of it such as the
            ``sample_labels.csv`` of the NIH sample, or a table as ``read_manifest`` takes it.
        names: how the table names its columns, and where its images are.
    """

    data: Path
    names: ColumnNames = USUAL_COLUMNS

    def labels(self) -> Labels:
        """Labels, patient, sex, age and view of every image; no image file needs to be there.

        Raises:
            ValueError: the table is damaged, or names no patients.
        """
        if self._nih is not None:
            return self._nih.labels()
        manifest = read_manifest(self.data, self.names)
        table = read_table(self.data, short_rows=True)
        return with_demography(
            table,
            manifest.image_ids,
            manifest.findings,
            manifest.labels.astype(np.float64),
            manifest.patients,
        )

    def manifest(self, *, only_present: bool = False, present: Iterable[str] | None = None) -> Manifest:
        """The images to train from.

        Args:
            only_present: leave out the images whose files are not there.
            present: names of the images that are there, as of a pack; None looks for their files.

        Raises:
            ValueError: the table is damaged, or files of a ChestX-ray14 folder are missing.
        """
        if self._nih is not None:
            return self._nih.manifest(only_present=only_present, present=present)
        manifest = read_manifest(self.data, self.names)
        if not only_present or present is not None:
            return manifest
        return manifest.select(np.flatnonzero([image.is_file() for image in manifest.images]))

    def files(self) -> dict[str, Path]:
        """The file of each image that is there, by the image's name."""
        if self._nih is not None:
            return self._nih.image_files()
        manifest = read_manifest(self.data, self.names)
        files = zip(manifest.image_ids, manifest.images, strict=True)
        return {name: file for name, file in files if file.is_file()}

    @property
    def folder(self) -> ChestXray14:
        """The folder that may hold NIH's own lists and boxes, whether the data are all of it or a table."""
        return ChestXray14(self.data if self.data.is_dir() else self.data.parent)

    @property
    def _nih(self) -> ChestXray14 | None:
        if self.data.is_dir():
            return ChestXray14(self.data)
        if not is_nih(read_table(self.data, short_rows=True)):
            return None
        return ChestXray14(self.names.image_root or self.data.parent, self.data, self.names)
