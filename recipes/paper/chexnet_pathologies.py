"""CheXNet on the 14 pathologies (section 5): the third column of Table 2.

``python -m recipes.paper.chexnet_pathologies ChestX-ray14 runs/chexnet --precision bf16-mixed``

Expected, as an estimate (the 112,120 films were not at hand): ten to fifteen epochs of 78,500 films, an hour
or two on one data-centre GPU if the films are read as fast as it learns. The paper reports a mean AUROC of
0.841; three public reproductions lie between 0.838 and 0.851, each on a random split of its own.
"""

from chexnet.training import TrainConfig
from recipes.paper.command_line import train_on_chestxray14

RECIPE = TrainConfig(name="chexnet")

if __name__ == "__main__":
    train_on_chestxray14(RECIPE)
