"""Stage 3 of the embedded model: the DenseNet-121 of stage 2 at the network's full size.

``python recipes/default_model.py``; the model file is ``runs/default/chexnet-densenet121.onnx``.
"""

from films import FEWER_CHILDREN, ROOT
from pretraining import FOLDER as PRETRAINING
from teacher import FOLDER as TEACHER

from chexnet.training import Hardware, TrainConfig, train

RECIPE = TrainConfig(
    name="chexnet-densenet121",
    weights=str(PRETRAINING / "best.ckpt"),
    teacher=str(TEACHER / "best.ckpt"),
    teacher_weight=0.5,
    hint_weight=4.0,
    schedule="one_cycle",
    learning_rate=4e-4,
    max_epochs=8,
    shift=0.06,
    contrast=0.2,
    rotation=7.0,
    zoom=0.1,
    weight_decay=1e-5,
)

if __name__ == "__main__":
    print(
        train(FEWER_CHILDREN, ROOT / "runs" / "default", RECIPE, Hardware(workers=1, precision="bf16-mixed"))
    )
