"""`chexnet node`: receives images, predicts, sends results, and loses none of them."""

from chexnet.pacs.node.doctor import Examined, examine
from chexnet.pacs.node.node import Node
from chexnet.pacs.node.node_settings import Destination, InvalidSettings, NodeSettings, node_settings
from chexnet.pacs.node.work_queue import WorkQueue, work_queue

__all__ = [
    "Destination",
    "Examined",
    "InvalidSettings",
    "Node",
    "NodeSettings",
    "WorkQueue",
    "examine",
    "node_settings",
    "work_queue",
]
