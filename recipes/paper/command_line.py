"""What the recipes for ChestX-ray14 share: the folders of data and run, from the command line."""

import argparse
from pathlib import Path

from chexnet.training import Hardware, TrainConfig, train


def train_on_chestxray14(recipe: TrainConfig) -> None:
    parser = argparse.ArgumentParser(description="ChestX-ray14 as NIH ships it in, one model file out.")
    parser.add_argument("data", type=Path, help="the data set's folder, or a table as chexnet train takes it")
    parser.add_argument("folder", type=Path, help="of the run; the same again goes on with it")
    parser.add_argument("--precision", default=Hardware().precision, help="such as bf16-mixed, on a GPU")
    parser.add_argument("--devices", default=Hardware().devices, help="how many GPUs")
    parser.add_argument("--only-present", action="store_true", help="use the images that are there")
    given = parser.parse_args()
    hardware = Hardware(precision=given.precision, devices=given.devices)
    print(train(given.data, given.folder, recipe, hardware, only_present=given.only_present))
