"""Stage 2 of the embedded model: a DenseNet-121 from random weights, small, learns from labels and teacher.

``python -m recipes.embedded._2_pretraining``, after stage 1. About 28 minutes on one core.
"""

from dataclasses import replace

from chexnet.training import Hardware, train
from recipes.embedded._0_tables import TABLE
from recipes.embedded._1_teacher import FOLDER as TEACHER
from recipes.embedded._1_teacher import RECIPE as TEACHERS
from recipes.open_images import ROOT

RECIPE = replace(
    TEACHERS,
    name="pretraining",
    network="densenet121",
    weights="none",
    teacher=str(TEACHER / "best.ckpt"),
    hint_weight=4.0,
    image_size=128,
    learning_rate=1e-3,
    max_epochs=7,
)
FOLDER = ROOT / "runs" / "pretraining"

if __name__ == "__main__":
    print(train(TABLE, FOLDER, RECIPE, Hardware(workers=1, precision="bf16-mixed")))
