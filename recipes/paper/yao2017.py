"""Yao et al. 2017: DenseNet from random weights, an LSTM over the labels; the second column of Table 2.

``python -m recipes.paper.yao2017 ChestX-ray14 runs/yao2017 --precision bf16-mixed``

Films at 512 pixels, moved by up to 25 pixels, turned by up to 15 degrees and scaled by up to a fifth, as the
paper has them. Expected, as an estimate (the 112,120 films were not at hand): some thirty epochs, a day on
one data-centre GPU, about five times the work of CheXNet's 224 pixels for each film. The paper reports a
mean AUROC of 0.803 on the 14 pathologies.
"""

from chexnet.training import TrainConfig
from recipes.paper.command_line import train_on_chestxray14

RECIPE = TrainConfig(
    name="yao2017",
    network="yao2017",
    weights="none",
    image_size=512,
    flip=0.0,
    shift=25 / 512,
    rotation=15.0,
    zoom=0.2,
)

if __name__ == "__main__":
    train_on_chestxray14(RECIPE)
