"""Stage 2 of the embedded model: a DenseNet-121 from random weights, small, learns from labels and teacher.

``python recipes/films.py && python recipes/teacher.py && python recipes/pretraining.py``
"""

from films import ROOT, TABLE
from teacher import FOLDER as TEACHER

from chexnet.training import Hardware, TrainConfig, train

RECIPE = TrainConfig(
    name="pretraining",
    weights="none",
    teacher=str(TEACHER / "best.ckpt"),
    teacher_weight=0.5,
    hint_weight=4.0,
    image_size=128,
    schedule="one_cycle",
    learning_rate=1e-3,
    max_epochs=7,
    shift=0.06,
    contrast=0.2,
    rotation=7.0,
    zoom=0.1,
    weight_decay=1e-5,
)
FOLDER = ROOT / "runs" / "pretraining"

if __name__ == "__main__":
    print(train(TABLE, FOLDER, RECIPE, Hardware(workers=1, precision="bf16-mixed")))
