"""What the tests of the service share: models, films and a running server."""

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import onnx
import pytest
from PIL import Image, ImageOps
from playwright.sync_api import Browser, BrowserContext, sync_playwright
from real_server import ABSENT, PRESENT, UNTESTED, UNVALIDATED, Serving, served
from seen_page import ARGUMENTS, CHROMIUM, Opening, Seen, is_expected

from chexnet.classifier import Classifier, load
from chexnet.classifier.classifier import DEFAULT_MODEL
from chexnet.classifier.metadata import KEY

# No test may cause traffic to anywhere; onnxruntime looks at this when it is loaded.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"


RELIABILITY = {
    **{"ece": 0.045, "brier": 0.1, "mean_probability": [0.1, 0.4], "observed": [0.08, 0.32]},
    **{"low": [0.03, 0.3], "high": [0.2, 0.6], "count": [100, 100]},
}


@pytest.fixture(scope="session")
def model_path() -> Path:
    if not DEFAULT_MODEL.exists():
        pytest.skip(f"no embedded model at {DEFAULT_MODEL}")
    return DEFAULT_MODEL


@pytest.fixture(scope="session")
def classifier(model_path: Path) -> Classifier:
    return load(model_path)


@pytest.fixture(scope="session")
def varied_model(model_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded network under a card that has a finding of every kind."""
    model = onnx.load(model_path)
    (stored,) = (entry for entry in model.metadata_props if entry.key == KEY)
    card = json.loads(stored.value)
    policy = card["policy"]
    for finding in card["findings"]:
        finding.update(validated=True, thresholds={policy: 0.5}, positives=40, negatives=160)
        finding["auroc"] = {"value": 0.8, "low": 0.7, "high": 0.9}
        finding["calibration_test"] = {"before": RELIABILITY | {"ece": 0.123}, "after": RELIABILITY}
    by_name = {finding["finding"]: finding for finding in card["findings"]}
    by_name[PRESENT]["thresholds"] = {policy: 1e-6}
    by_name[ABSENT]["thresholds"] = {policy: 1 - 1e-6}
    by_name[UNVALIDATED].update(
        validated=False,
        thresholds={},
        calibration_test=None,
        auroc={"value": 0.52, "low": 0.4, "high": 0.63},
        positives=9,
    )
    by_name[UNTESTED].update(validated=False, thresholds={}, auroc=None, positives=0)
    stored.value = json.dumps(card)
    path = tmp_path_factory.mktemp("model") / "varied.onnx"
    onnx.save(model, path)
    return path


@pytest.fixture(scope="session")
def varied_classifier(varied_model: Path) -> Classifier:
    return load(varied_model)


@pytest.fixture(scope="session")
def serving() -> Serving:
    return served


@pytest.fixture(scope="session")
def service(varied_classifier: Classifier) -> Iterator[httpx.Client]:
    """The service as it is by default."""
    with served(varied_classifier) as client:
        yield client


@pytest.fixture(scope="session")
def png(example_film: Path) -> bytes:
    return example_film.read_bytes()


@pytest.fixture(scope="session")
def negative(png: bytes) -> bytes:
    """The same film with bone dark, which the gate refuses."""
    file = io.BytesIO()
    ImageOps.invert(Image.open(io.BytesIO(png)).convert("L")).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="session")
def dicom(example_dicom: Path) -> bytes:
    return example_dicom.read_bytes()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # No longer than this module: while Playwright runs, no other test can have an event loop.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def opening(browser: Browser, service: httpx.Client) -> Iterator[Opening]:
    """Opens the page in a fresh window; at the end, nothing may have gone wrong or outside."""
    seen: list[tuple[BrowserContext, Seen]] = []

    def open_(address: str | None = None, **options: Any) -> Seen:
        context = browser.new_context(
            **{"viewport": {"width": 1120, "height": 720}, "reduced_motion": "reduce", **options}
        )
        seen.append((context, Seen(context, address or str(service.base_url))))
        return seen[-1][1].open()

    yield open_
    for context, page in seen:
        outside = [url for url in page.requests if not url.startswith((page.inside, "blob:", "data:"))]
        context.close()
        assert outside == []
        assert [text for text in page.complaints if not is_expected(text)] == []
