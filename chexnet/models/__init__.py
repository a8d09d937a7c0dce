"""The networks that are compared, importing weights, ONNX export. Needs the `train` extra."""

from chexnet.models.cam import CamNetwork
from chexnet.models.densenet import DenseNet121
from chexnet.models.efficientnet import EfficientNetLite0
from chexnet.models.network import Network, NetworkOutput
from chexnet.models.onnx_export import ExportMismatch, export_onnx, round_to_float16
from chexnet.models.registry import NETWORKS, build_network
from chexnet.models.wang2017 import Wang2017
from chexnet.models.weights import (
    Checkpoint,
    WeightsMismatch,
    imagenet_state,
    load_state,
    mean_state,
    read_checkpoint,
    read_state,
)
from chexnet.models.yao2017 import Yao2017

__all__ = [
    "NETWORKS",
    "CamNetwork",
    "Checkpoint",
    "DenseNet121",
    "EfficientNetLite0",
    "ExportMismatch",
    "Network",
    "NetworkOutput",
    "Wang2017",
    "WeightsMismatch",
    "Yao2017",
    "build_network",
    "export_onnx",
    "imagenet_state",
    "load_state",
    "mean_state",
    "read_checkpoint",
    "read_state",
    "round_to_float16",
]
