"""The radiologists' boxes of the images that the embedded model did not learn from, as a table.

``python -m recipes.card.unseen_boxes boxes.csv`` writes the rows of the RSNA challenge whose images
``recipes/open_images.py`` puts into validation or test. ``docs/results.md`` has what
``chexnet localise boxes.csv`` measures on them.
"""

import csv
import sys
from pathlib import Path

from recipes.open_images import DATA, parts, read


def main(output: Path) -> None:
    films = read(DATA / "chestxray14" / "manifest.csv")
    named = parts([row["patient_id"] for row in films])
    unseen = {row["image"] for row, name in zip(films, named, strict=True) if name != "train"}
    boxes = [
        row for row in read(DATA / "chestxray14" / "rsna_pneumonia_boxes_1024.csv") if row["image"] in unseen
    ]
    with output.open("w", newline="") as file:
        writer = csv.DictWriter(file, boxes[0].keys())
        writer.writeheader()
        writer.writerows(boxes)
    print(f"{len(boxes)} boxes of {len({row['image'] for row in boxes})} films: {output}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
