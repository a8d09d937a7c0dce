"""How many damaged files end the reading in another way than a radiograph or an UnreadableImage.

Usage: python benchmarks/fuzzing.py [headers [streams [seed]]]; the mutations are those of
tests/radiograph/mutations.py, so a seed gives the same files anywhere.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "radiograph"))

from mutations import survey


def main(headers: int = 120_000, streams: int = 20_000, seed: int = 1) -> None:
    for kind, count in (("headers", headers), ("streams", streams)):
        outcomes = survey(kind, count, seed)
        wrong = sum(number for what, number in outcomes.items() if what not in ("read", "refused"))
        print(f"{count} {kind}: {outcomes['read']} read, {outcomes['refused']} refused, {wrong} crashed")
        for what, number in outcomes.most_common():
            if what not in ("read", "refused"):
                print(f"    {number} x {what[:150]}")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
