"""What the service has done since its start, for Prometheus. No image name, no id."""

from collections.abc import Callable

from prometheus_client import (
    CONTENT_TYPE_PLAIN_0_0_4,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from chexnet._version import __version__
from chexnet.classifier import ModelIdentity

MEDIA_TYPE = CONTENT_TYPE_PLAIN_0_0_4

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_SIZES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)

# One more sample per counter would tell when each began, which the process's own start tells already.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """Counters and histograms of one service, and of the process it runs in. Safe to share among threads.

    Each service has a registry of its own, so that two in one process do not count each other's requests.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "chexnet_requests", "Requests answered.", ["method", "route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "chexnet_request_seconds",
            "Time from request to answer.",
            ["route"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._images = Counter("chexnet_films", "Images by outcome.", ["status"], registry=self._registry)
        self._batches = Histogram(
            "chexnet_batch_films", "Images in a forward pass.", buckets=_SIZES, registry=self._registry
        )

    def built(self, model: ModelIdentity) -> None:
        """Show which software runs which model."""
        build = Info("chexnet_build", "Software and model.", registry=self._registry)
        build.info(
            {
                "software": __version__,
                "model": model.name,
                "model_version": model.version,
                "model_sha256": model.sha256,
            }
        )

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answered request; `route` is the template, not the path."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def image(self, status: str) -> None:
        """Count an image that was read, refused or found damaged."""
        self._images.labels(status).inc()

    def batch(self, size: int) -> None:
        """Count a forward pass."""
        self._batches.observe(size)

    def gauge(self, name: str, meaning: str, value: Callable[[], float]) -> None:
        """Show a value as it is when Prometheus asks for it."""
        Gauge(name, meaning, registry=self._registry).set_function(value)

    def text(self) -> bytes:
        """Return all of it in the Prometheus text format, version 0.0.4."""
        return generate_latest(self._registry)
