"""Side-by-side timing: the variants take turns in one run, so that a drifting machine hits all alike."""

import statistics
from collections.abc import Callable, Mapping
from time import perf_counter


def interleaved(variants: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each round of each variant, after one round that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for round_ in range(rounds + 1):
        for name, variant in variants.items():
            start = perf_counter()
            variant()
            if round_:
                seconds[name].append(perf_counter() - start)
    return seconds


def report(seconds: Mapping[str, list[float]], baseline: str) -> None:
    """Print the median of each variant and the ratio to `baseline`, round by round: median and quartiles."""
    for name, times in seconds.items():
        ratios = [slow / fast for slow, fast in zip(seconds[baseline], times, strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        print(
            f"{name:<32}{statistics.median(times) * 1000:>9.1f} ms   "
            f"{middle:>6.2f} x {baseline} [{low:.2f}-{high:.2f}]"
        )
