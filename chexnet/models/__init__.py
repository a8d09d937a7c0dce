"""The networks that are compared, importing weights, ONNX export. Needs the `train` extra."""

from typing import TYPE_CHECKING

from chexnet._doors import lazy_door

if TYPE_CHECKING:
    from chexnet.models.cam import CamNetwork
    from chexnet.models.densenet import DenseNet121
    from chexnet.models.efficientnet import EfficientNetLite0
    from chexnet.models.gate_network import (
        GateFile,
        add_gate_graph,
        gate_input,
        remove_gate_graph,
        shipped_gate,
    )
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

_HOMES = {
    "cam": "CamNetwork",
    "densenet": "DenseNet121",
    "efficientnet": "EfficientNetLite0",
    "gate_network": "GateFile add_gate_graph gate_input remove_gate_graph shipped_gate",
    "network": "Network NetworkOutput",
    "onnx_export": "ExportMismatch export_onnx round_to_float16",
    "registry": "NETWORKS build_network",
    "wang2017": "Wang2017",
    "weights": ("Checkpoint WeightsMismatch imagenet_state load_state mean_state read_checkpoint read_state"),
    "yao2017": "Yao2017",
}

lazy_door(__name__, _HOMES)

__all__ = [
    "NETWORKS",
    "CamNetwork",
    "Checkpoint",
    "DenseNet121",
    "EfficientNetLite0",
    "ExportMismatch",
    "GateFile",
    "Network",
    "NetworkOutput",
    "Wang2017",
    "WeightsMismatch",
    "Yao2017",
    "add_gate_graph",
    "build_network",
    "export_onnx",
    "gate_input",
    "imagenet_state",
    "load_state",
    "mean_state",
    "read_checkpoint",
    "read_state",
    "remove_gate_graph",
    "round_to_float16",
    "shipped_gate",
]
