"""Where the tests find real data, and what they do without it."""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

# No test is timed: a shared machine may be slow at any moment.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# A shell that starts the tests in the background has interrupts ignored, and children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real radiographs and tables, or a skip that says how to get it."""
    folder = Path(os.environ.get("CHEXNET_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "chestxray14").is_dir():
        pytest.skip(f"no real data at {folder}; set CHEXNET_DATA to the folder that holds chestxray14/")
    return folder


@pytest.fixture(scope="session")
def example_film() -> Path:
    """The embedded synthetic film with an opacity, as PNG."""
    return ROOT / "chexnet" / "examples" / "synthetic_thorax_opacity.png"


@pytest.fixture(scope="session")
def gated_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded model with this version's gate."""
    # Imported where needed: most tests need no training framework.
    from chexnet.classifier.classifier import DEFAULT_MODEL
    from chexnet.training.attach_gate import add_gate

    return add_gate(DEFAULT_MODEL, tmp_path_factory.mktemp("model") / "gated.onnx")


@pytest.fixture(scope="session")
def example_dicom() -> Path:
    """The same film as DICOM."""
    return ROOT / "chexnet" / "examples" / "synthetic_thorax_opacity.dcm"
