"""What the node counts, for Prometheus."""

import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from chexnet.classifier import Prediction
from chexnet.pacs.node.spool import Spool
from chexnet.pacs.node.work_queue import DEAD, WorkQueue

_SCORES = tuple(step / 10 for step in range(1, 10))


class Measures(Collector):
    """Counters of this process, and gauges of the queue that are read at each scrape."""

    def __init__(self, queue: WorkQueue, spool: Spool) -> None:
        self.registry = CollectorRegistry()
        self._queue = queue
        self._spool = spool
        self._last_received = time.time()

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"chexnet_node_{name}", text, labels, registry=self.registry)

        self._received = counter(
            "received", "Images stored and acknowledged, by calling AE title.", "calling"
        )
        self._bytes = counter("received_bytes", "Bytes of images received.")
        self._not_taken = counter("not_taken", "Objects that were not queued, by reason.", "reason")
        self._connections = counter("connections", "Connections by how they ended.", "end")
        self._outcomes = counter("predictions", "Images read, by outcome.", "outcome")
        self._sent = counter("sent", "Results sent, by destination and outcome.", "destination", "outcome")
        self._scores = Histogram(
            "chexnet_node_probability",
            "Probabilities by finding: a shift over weeks is drift of model or images.",
            ["finding"],
            buckets=_SCORES,
            registry=self.registry,
        )
        self.registry.register(self)

    def received(self, calling: str, size: int) -> None:
        """Count an acknowledged image."""
        self._last_received = time.time()
        self._received.labels(calling).inc()
        self._bytes.inc(size)

    def not_taken(self, reason: str) -> None:
        """Count an object that was not queued."""
        self._not_taken.labels(reason).inc()

    def connection_ended(self, end: str) -> None:
        """Count a connection."""
        self._connections.labels(end).inc()

    def predicted(self, prediction: Prediction) -> None:
        """Count an outcome, and the probabilities of each finding."""
        self._outcomes.labels(prediction.status).inc()
        for finding in prediction.findings:
            self._scores.labels(finding.finding).observe(finding.probability)

    def sent(self, destination: str, outcome: str) -> None:
        """Count a try to send."""
        self._sent.labels(destination, outcome).inc()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Gauges of the queue and the disk."""
        tasks = GaugeMetricFamily(
            "chexnet_node_tasks", "Images and deliveries by state.", labels=["of", "state"]
        )
        dead = 0
        for (what, state), count in self._queue.counts().items():
            tasks.add_metric([what, state], count)
            dead += count if state == DEAD else 0
        yield tasks
        oldest = self._queue.oldest()
        now = time.time()
        for name, text, value in (
            ("dead_letters", "Deliveries that are not tried again.", dead),
            ("oldest_seconds", "Age of the oldest image that is not through.", now - oldest if oldest else 0),
            ("silence_seconds", "Since the last image arrived, or the start.", now - self._last_received),
            ("disk_free_bytes", "Free space of the spool.", self._spool.free_mb() * 1e6),
        ):
            yield GaugeMetricFamily(f"chexnet_node_{name}", text, value=value)
