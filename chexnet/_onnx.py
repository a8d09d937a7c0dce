"""ONNX Runtime sessions, with telemetry off."""

import os
from typing import Any


class UnreadableGraph(ValueError):
    """ONNX Runtime cannot load the bytes."""


def open_session(content: bytes, *, threads: int | None = None, optimise: bool = True) -> Any:
    """An `onnxruntime.InferenceSession` on the processor.

    Args:
        content: an ONNX file.
        threads: processor threads for one run; None is all cores.
        optimise: rewrite the graph first, which costs more time than it saves on one image.

    Raises:
        UnreadableGraph: the bytes are not an ONNX file that this version of ONNX Runtime can run.
    """
    # Its wheels report to their maker unless told not to before they are loaded.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # a damaged file is reported once, by us
    if threads is not None:
        options.intra_op_num_threads = threads
    if not optimise:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    # Spinning threads would take the processor from the threads that decode the next image.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except _load_errors() as error:
        raise UnreadableGraph(str(error)) from error


def _load_errors() -> tuple[type[Exception], ...]:
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    return (
        state.Fail,
        state.InvalidArgument,
        state.InvalidGraph,
        state.InvalidProtobuf,
        state.NoSuchFile,
        state.NotImplemented,
        state.RuntimeException,
    )
