"""Stage 5, the last, of the embedded model: the DenseNet-121 of stage 3 learns from the second teacher.

The released weights are the mean of those of stage 3 and of this one, whose validation loss is lower than
that of either.

``python -m recipes.embedded._5_student``, after stages 3 and 4. About
40 minutes on one core; the model file is ``runs/default/chexnet-densenet121.onnx``.
"""

from dataclasses import replace

from chexnet.training import Hardware, train
from recipes.embedded._0_tables import HALF_OF_CHILDREN
from recipes.embedded._3_full_size import FOLDER as FULL_SIZE
from recipes.embedded._3_full_size import RECIPE as BEFORE
from recipes.embedded._4_second_teacher import FOLDER as TEACHER
from recipes.open_images import ROOT

RECIPE = replace(
    BEFORE,
    name="chexnet-densenet121",
    weights=str(FULL_SIZE / "best.ckpt"),
    teacher=str(TEACHER / "best.ckpt"),
    learning_rate=3e-4,
    max_epochs=7,
    average=str(FULL_SIZE / "best.ckpt"),
)
FOLDER = ROOT / "runs" / "default"

if __name__ == "__main__":
    print(train(HALF_OF_CHILDREN, FOLDER, RECIPE, Hardware(workers=1, precision="bf16-mixed")))
