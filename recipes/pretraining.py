"""Stage 1 of the embedded model: adult and paediatric films together, small, from random weights.

``python recipes/films.py && python recipes/pretraining.py``
"""

from pathlib import Path

from chexnet.training import Hardware, TrainConfig, train

ROOT = Path(__file__).resolve().parents[1]
RECIPE = TrainConfig(
    name="pretraining",
    weights="none",
    image_size=128,
    max_epochs=4,
    shift=0.06,
    contrast=0.15,
    weight_decay=1e-5,
)

if __name__ == "__main__":
    films = ROOT / "runs" / "films" / "pretraining.csv"
    print(train(films, ROOT / "runs" / "pretraining", RECIPE, Hardware(workers=1)))
