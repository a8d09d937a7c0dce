"""Counters and histograms in the Prometheus text format, version 0.0.4. No film name, no id."""

import bisect
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
SIZES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)

Labels = tuple[tuple[str, str], ...]


class Histogram:
    """Counts of observations below each bound, their number and their sum."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count one more."""
        self._counts[bisect.bisect_left(self._bounds, value)] += 1
        self._sum += value

    def lines(self, name: str, labels: Labels) -> Iterator[str]:
        """Cumulative buckets, sum and count."""
        total = 0
        for bound, count in zip((*self._bounds, "+Inf"), self._counts, strict=True):
            total += count
            yield f"{name}_bucket{_labelled((*labels, ('le', str(bound))))} {total}"
        yield f"{name}_sum{_labelled(labels)} {self._sum:.6f}"
        yield f"{name}_count{_labelled(labels)} {total}"


class Metrics:
    """What the service has done since its start. Safe to share among threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[Labels] = Counter()
        self._films: Counter[str] = Counter()
        self._seconds: dict[str, Histogram] = {}
        self._batches = Histogram(SIZES)
        self._gauges: dict[str, tuple[str, Callable[[], float]]] = {}

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request was answered; `route` is the template, not the path."""
        with self._lock:
            self._requests[("method", method), ("route", route), ("status", str(status))] += 1
            self._seconds.setdefault(route, Histogram(SECONDS)).observe(seconds)

    def film(self, status: str) -> None:
        """A film was read, refused or found damaged."""
        with self._lock:
            self._films[status] += 1

    def batch(self, size: int) -> None:
        """A forward pass was made."""
        with self._lock:
            self._batches.observe(float(size))

    def gauge(self, name: str, meaning: str, value: Callable[[], float]) -> None:
        """Show a value as it is when asked for."""
        self._gauges[name] = (meaning, value)

    def text(self) -> str:
        """All of it."""
        with self._lock:
            return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        yield from _head("chexnet_requests_total", "counter", "Requests answered.")
        for labels, count in sorted(self._requests.items()):
            yield f"chexnet_requests_total{_labelled(labels)} {count}"
        yield from _head("chexnet_request_seconds", "histogram", "Time from request to answer.")
        for route, histogram in sorted(self._seconds.items()):
            yield from histogram.lines("chexnet_request_seconds", (("route", route),))
        yield from _head("chexnet_films_total", "counter", "Films by outcome.")
        for status, count in sorted(self._films.items()):
            yield f"chexnet_films_total{_labelled((('status', status),))} {count}"
        yield from _head("chexnet_batch_films", "histogram", "Films in a forward pass.")
        yield from self._batches.lines("chexnet_batch_films", ())
        for name, (meaning, value) in sorted(self._gauges.items()):
            yield from _head(name, "gauge", meaning)
            yield f"{name} {value():g}"


def _head(name: str, kind: str, meaning: str) -> Iterator[str]:
    yield f"# HELP {name} {meaning}"
    yield f"# TYPE {name} {kind}"


def _labelled(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
