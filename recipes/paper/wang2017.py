"""Wang et al. 2017: ResNet-50, log-sum-exp pooling, class-balanced loss; the first column of Table 2.

``python -m recipes.paper.wang2017 ChestX-ray14 runs/wang2017 --precision bf16-mixed --devices 8``

Films at 1024 pixels and 80 a step, as the paper has them: about 100 GB of GPU memory in all, so two GPUs of
80 GB at least. Expected, as an estimate (the 112,120 films were not at hand): ten epochs, some ten GPU hours.
The paper reports a mean AUROC of 0.738 on the 14 pathologies. ``chexnet train --network wang2017`` trains
the same at CheXNet's 224 pixels and 16 films a step, about twenty times as fast.
"""

from chexnet.training import TrainConfig
from recipes.paper.command_line import train_on_chestxray14

RECIPE = TrainConfig(name="wang2017", network="wang2017", image_size=1024, batch_size=80, flip=0.0)

if __name__ == "__main__":
    train_on_chestxray14(RECIPE)
