"""A real server on 127.0.0.1, for every test that speaks HTTP: no transport is replaced."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import httpx

from chexnet.classifier import Classifier
from chexnet.service import ServiceConfig, create_app
from chexnet.service.server import http_server

DEFAULTS = ServiceConfig()

Serving = Callable[..., AbstractContextManager[httpx.Client]]

PRESENT, ABSENT, UNVALIDATED, UNTESTED = "Effusion", "Mass", "Nodule", "Hernia"
"""What `varied_model` makes of four findings, whatever the film."""


@contextmanager
def served(classifier: Classifier, config: ServiceConfig = DEFAULTS) -> Iterator[httpx.Client]:
    """A client of a server that runs until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = http_server(create_app(classifier, config), config.limits)
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        port = listening.getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120, trust_env=False) as client:
            yield client
        server.should_exit = True
        thread.join()
