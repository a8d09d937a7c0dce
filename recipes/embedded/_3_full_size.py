"""Stage 3 of the embedded model: the DenseNet-121 of stage 2 at the network's full size.

``python -m recipes.embedded._3_full_size``, after stage 2. About 36 minutes on one core.
"""

from dataclasses import replace

from chexnet.paper import IMAGE_SIZE
from chexnet.training import Hardware, train
from recipes.embedded._0_tables import THIRD_OF_CHILDREN
from recipes.embedded._2_pretraining import FOLDER as PRETRAINING
from recipes.embedded._2_pretraining import RECIPE as SMALL
from recipes.open_images import ROOT

RECIPE = replace(
    SMALL,
    name="full-size",
    weights=str(PRETRAINING / "best.ckpt"),
    image_size=IMAGE_SIZE,
    learning_rate=4e-4,
    max_epochs=8,
)
FOLDER = ROOT / "runs" / "full_size"

if __name__ == "__main__":
    print(train(THIRD_OF_CHILDREN, FOLDER, RECIPE, Hardware(workers=1, precision="bf16-mixed")))
