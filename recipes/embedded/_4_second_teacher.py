"""Stage 4 of the embedded model: the teacher of stage 1 sees children too, of whom it knew nothing.

``python -m recipes.embedded._4_second_teacher``, after stage 1. About 14 minutes on one core.
"""

from dataclasses import replace

from chexnet.training import Hardware, train
from recipes.embedded._0_tables import THIRD_OF_CHILDREN
from recipes.embedded._1_teacher import FOLDER as TEACHER
from recipes.embedded._1_teacher import RECIPE as FIRST
from recipes.open_images import ROOT

RECIPE = replace(
    FIRST, name="second-teacher", weights=str(TEACHER / "best.ckpt"), learning_rate=3e-4, max_epochs=4
)
FOLDER = ROOT / "runs" / "second_teacher"

if __name__ == "__main__":
    print(train(THIRD_OF_CHILDREN, FOLDER, RECIPE, Hardware(workers=1)))
