"""One finished run on synthetic films, that many tests look at."""

import pytest
import torch
from synthetic_films import HERE, recipe, write_films

from chexnet.datasets import read_manifest
from chexnet.training import train

# On small films, waiting for a second thread costs more than it brings.
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def films(tmp_path_factory):
    return write_films(tmp_path_factory.mktemp("films"))


@pytest.fixture(scope="session")
def manifest(films):
    return read_manifest(films)


@pytest.fixture(scope="session")
def finished(films, tmp_path_factory):
    """A run that nothing interrupted."""
    return train(films, tmp_path_factory.mktemp("runs") / "finished", recipe(), HERE)
