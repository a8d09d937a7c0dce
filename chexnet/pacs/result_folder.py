"""`chexnet predict --dicom-out`: a batch's results as DICOM files in a folder."""

import logging
from datetime import datetime
from pathlib import Path

from chexnet._files import write_whole
from chexnet.classifier import Outcome
from chexnet.pacs.objects import NoStudy, ObjectSet, measured_worth, result_objects, source_header

_log = logging.getLogger(__name__)


class ResultFolder:
    """Writes `<SOP Instance UID>.dcm` for each result of many images.

    Args:
        folder: made when the first result is written.
        objects: which results an image gets.

    Attributes:
        without_results: name and reason of each image that no result could be made of.
    """

    def __init__(self, folder: Path, objects: ObjectSet) -> None:
        self._folder = folder
        self._objects = objects
        self._worth: dict[str, str] | None = None
        self.without_results: list[tuple[str, str]] = []

    def write(self, outcome: Outcome) -> list[Path]:
        """Write one image's results; the files."""
        prediction = outcome.prediction
        if prediction.status == "error":
            return []
        if self._worth is None:
            self._worth = measured_worth(outcome.classifier)
        try:
            content = outcome.file.path.read_bytes()
            for note in source_header(content).notes:
                _log.warning("%s: %s", outcome.file.name, note)
            results = result_objects(
                content,
                outcome.radiograph,
                prediction,
                made_at=datetime.now().replace(microsecond=0),
                objects=self._objects,
                worth=self._worth,
            )
        except NoStudy as reason:
            self.without_results.append((str(outcome.file.path), str(reason)))
            return []
        self._folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for result in results:
            path = self._folder / f"{result.sop_instance_uid}.dcm"
            write_whole(path, result.content)
            paths.append(path)
        return paths
