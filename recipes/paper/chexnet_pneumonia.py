"""CheXNet on pneumonia alone (section 2.1): one output, the weighted loss; the network of Table 1.

``python -m recipes.paper.chexnet_pneumonia ChestX-ray14 runs/pneumonia --precision bf16-mixed``

Expected, as an estimate (the 112,120 films were not at hand): an hour or two on one data-centre GPU. The
paper reports an F1 of 0.435 (0.387-0.481) on 420 films that four radiologists labelled, which are not public;
on the labels of ChestX-ray14 only an AUROC near the 0.77 of the other recipe can be expected.
"""

from chexnet.training import TrainConfig
from recipes.paper.command_line import train_on_chestxray14

RECIPE = TrainConfig(name="chexnet-pneumonia", task="pneumonia")

if __name__ == "__main__":
    train_on_chestxray14(RECIPE)
