"""Stage 4 of the embedded model: the teacher of stage 1 sees children too, of whom it knew nothing.

``python recipes/second_teacher.py``, after ``recipes/teacher.py``. About 14 minutes on one core.
"""

from dataclasses import replace

from films import ROOT, THIRD_OF_CHILDREN
from teacher import FOLDER as TEACHER
from teacher import RECIPE as FIRST

from chexnet.training import Hardware, train

RECIPE = replace(
    FIRST, name="second-teacher", weights=str(TEACHER / "best.ckpt"), learning_rate=3e-4, max_epochs=4
)
FOLDER = ROOT / "runs" / "second_teacher"

if __name__ == "__main__":
    print(train(THIRD_OF_CHILDREN, FOLDER, RECIPE, Hardware(workers=1)))
