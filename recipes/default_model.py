"""Stage 2 of the embedded model: the adult films alone, at the network's full size, from stage 1.

``python recipes/default_model.py``; the model file is ``runs/default/chexnet-densenet121.onnx``.
"""

from pathlib import Path

from chexnet.training import Hardware, TrainConfig, train

ROOT = Path(__file__).resolve().parents[1]
RECIPE = TrainConfig(
    name="chexnet-densenet121",
    weights=str(ROOT / "runs" / "pretraining" / "best.ckpt"),
    learning_rate=3e-4,
    max_epochs=7,
    shift=0.06,
    contrast=0.15,
    weight_decay=1e-5,
)

if __name__ == "__main__":
    films = ROOT / "runs" / "films" / "chestxray14-1330-films.csv"
    print(train(films, ROOT / "runs" / "default", RECIPE, Hardware(workers=1)))
