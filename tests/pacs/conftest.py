from typing import Any

import pytest
from sources import MADE_AT

from chexnet.classifier import Classifier, Prediction, load
from chexnet.pacs.objects import ObjectSet, ResultObject, measured_worth, result_objects
from chexnet.radiograph import NotAChestRadiograph, read_radiograph

DEFAULT = ObjectSet()


@pytest.fixture(scope="session")
def classifier() -> Classifier:
    return load(threads=2)


@pytest.fixture(scope="session")
def made(classifier: Classifier) -> Any:
    """Results of a source: a function of its bytes, which remembers predictions."""
    predictions: dict[bytes, tuple[Any, Prediction]] = {}

    def read(content: bytes) -> tuple[Any, Prediction]:
        radiograph = read_radiograph(content, name="source.dcm")
        try:
            return radiograph, classifier.predict(radiograph)
        except NotAChestRadiograph as error:
            return None, Prediction("source.dcm", "refused", str(error), (), classifier.identity)

    def make(content: bytes, objects: ObjectSet = DEFAULT, **changes: Any) -> list[ResultObject]:
        if content not in predictions:
            predictions[content] = read(content)
        radiograph, prediction = predictions[content]
        prediction = changes.pop("prediction", lambda one: one)(prediction)
        settings = {"made_at": MADE_AT, "worth": measured_worth(classifier), **changes}
        return result_objects(content, radiograph, prediction, objects=objects, **settings)

    return make
