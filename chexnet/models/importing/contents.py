"""What a file of weights holds, read without executing anything in it.

torch's own ``weights_only`` reading does the work. Whole pickled networks and training settings name
classes that it does not know; those of a list of packages become inert stand-ins, which keep attributes and
do nothing.
"""

import json
import pickle
import re
import struct
import types
import warnings
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from torch import Tensor

from chexnet._files import file_sha256
from chexnet.models.weights import UNREADABLE

_HARMLESS = (
    *("torch.nn.", "torch.optim.", "torch.utils.", "torchvision.", "torchxrayvision.", "timm.", "monai."),
    *("pytorch_lightning.", "lightning.", "lightning_fabric.", "lightning_utilities.", "torchmetrics."),
    *("omegaconf.", "yacs.", "numpy.", "argparse.Namespace", "pathlib.", "collections.", "typing.", "enum."),
    *("copyreg.", "copy_reg.", "_codecs.encode", "builtins.set", "__builtin__.set", "builtins.object"),
    *("__builtin__.object", "__main__.", "model.", "models."),
)
"""How the names of classes begin that may be replaced by stand-ins; any other is refused by name."""

_WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "network", "params", "weights", "ema")
"""Keys under which training scripts keep the weights, in the order in which they are looked for."""

_MOST_STAND_INS = 200


@dataclass(frozen=True)
class FileContents:
    """Tensors of a file under their own names, and what lies beside them.

    Attributes:
        tensors: by name.
        beside: other entries and attributes, such as an epoch or the names of the findings.
        wrappers: the keys that had to be opened to reach the tensors, outermost first; "pickled network"
            where the network itself was stored.
        kind: "torch", "safetensors" or "keras".
        sha256: of the file.
    """

    tensors: dict[str, Tensor]
    beside: Mapping[str, Any] = field(default_factory=dict)
    wrappers: tuple[str, ...] = ()
    kind: str = "torch"
    sha256: str = ""


def read_contents(path: Path) -> FileContents:
    """Read a torch, safetensors or Keras file.

    Raises:
        ValueError: damaged, of another format, without tensors, or with a class that is on no list.
        OSError: it is missing or may not be read.
    """
    with path.open("rb") as file:
        start = file.read(9)
    if start.startswith(b"\x89HDF\r\n\x1a\n"):
        from chexnet.models.importing.keras import read_keras

        tensors, beside, wrappers, kind = read_keras(path), dict[str, Any](), tuple[str, ...](), "keras"
    elif len(start) == 9 and start[8:9] == b"{":
        tensors, beside, wrappers, kind = _read_safetensors(path), {}, (), "safetensors"
    else:
        tensors, beside, wrappers = _unwrapped(_read_torch(path), path)
        kind = "torch"
    return FileContents(tensors, beside, wrappers, kind, file_sha256(path))


class _StandIn:
    """An object of a class that is not loaded: it keeps its attributes and does nothing."""

    def __new__(cls, *_: object, **__: object) -> "_StandIn":
        return object.__new__(cls)

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        for part in state if isinstance(state, tuple) else (state,):
            if isinstance(part, dict):
                self.__dict__.update({str(key): value for key, value in part.items()})

    def __hash__(self) -> int:
        return id(self)


def _reconstruct(kind: type, *_: object) -> object:
    """What Python 2 pickles call; it makes an empty object of a stand-in."""
    return object.__new__(kind if issubclass(kind, _StandIn) else _StandIn)


def _stand_in(name: str) -> Any:
    if name.rpartition(".")[2] == "_reconstructor":
        return _reconstruct
    return type(name.rpartition(".")[2], (_StandIn,), {"__module__": "stand_in"})


def _read_torch(path: Path) -> Any:
    stand_ins: dict[str, Any] = {}
    while True:
        known: list[Any] = [(stand_in, name) for name, stand_in in stand_ins.items()]
        try:
            with torch.serialization.safe_globals(known), path.open("rb") as file:
                return torch.load(file, map_location="cpu", weights_only=True)
        except UnpicklingError as error:
            if "Only persistent_load of storage is allowed" in str(error):
                return _read_old_network(path)
            wanted = re.search(r"GLOBAL (\S+) was not an allowed global", str(error))
            name = wanted[1] if wanted else ""
            if not name or name in stand_ins or len(stand_ins) > _MOST_STAND_INS:
                raise _unreadable(path, error) from error
            if not name.startswith(_HARMLESS):
                raise _refusal(path, name) from error
            stand_ins[name] = _stand_in(name)
        except UNREADABLE as error:
            raise _unreadable(path, error) from error


def _refusal(path: Path, name: str) -> ValueError:
    return ValueError(
        f"{path}: its pickle calls {name}, which is not on the list of harmless classes; nothing was "
        "executed. Save its state_dict with torch.save, and import that file"
    )


def _tensor(*arguments: Any) -> Any:
    return torch._utils._rebuild_tensor(*arguments)  # type: ignore[no-untyped-call]


def _tensor_v2(*arguments: Any) -> Any:
    return torch._utils._rebuild_tensor_v2(*arguments)  # type: ignore[no-untyped-call]


def _parameter(data: Tensor, *_: object) -> Tensor:
    return data


# Functions of this module, so that no attribute of torch's own can be set from a file.
_TENSOR_PARTS = {
    "_rebuild_tensor": _tensor,
    "_rebuild_tensor_v2": _tensor_v2,
    "_rebuild_parameter": _parameter,
}


def _read_old_network(path: Path) -> Any:
    """A whole network in torch's format from before 1.6, which ``weights_only`` does not read.

    The same rules: tensors and their storages are rebuilt, listed classes become stand-ins, nothing else.
    """

    class Unpickler(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            if module == "torch._utils" and name in _TENSOR_PARTS:
                return _TENSOR_PARTS[name]
            if module == "torch" and name.endswith("Storage") and name.isidentifier():
                return getattr(torch, name)
            if (module, name) == ("collections", "OrderedDict"):
                return OrderedDict
            if not f"{module}.{name}".startswith(_HARMLESS):
                raise _refusal(path, f"{module}.{name}")
            return _stand_in(f"{module}.{name}")

    only_this = types.SimpleNamespace(
        Unpickler=Unpickler, load=lambda file, **options: Unpickler(file, **options).load(), __name__="pickle"
    )
    try:
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the source code of stand-ins cannot be compared
            return torch.load(file, map_location="cpu", pickle_module=only_this, weights_only=False)
    except UNREADABLE as error:
        if isinstance(error, ValueError) and str(error).startswith(str(path)):
            raise
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> ValueError:
    reason = re.split(r"[.\n]\s", f"{str(error) or type(error).__name__}\n ")[0]
    return ValueError(
        f"{path}: not a readable checkpoint ({reason}); expected a torch, safetensors or Keras .h5 file"
    )


def _unwrapped(content: Any, path: Path) -> tuple[dict[str, Tensor], dict[str, Any], tuple[str, ...]]:
    """The tensors of a file's content, what lies beside them, and the way to them."""
    beside: dict[str, Any] = {}
    wrappers: list[str] = []
    while True:
        if isinstance(content, _StandIn):
            tensors = dict(_module_state(content))
            beside |= {key: value for key, value in vars(content).items() if not key.startswith("_")}
            wrappers.append("pickled network")
        elif isinstance(content, Mapping):
            tensors = {str(key): value for key, value in content.items() if isinstance(value, Tensor)}
            wrapper = next((key for key in _WRAPPERS if _may_hold(content.get(key))), None)
            if wrapper is not None and len(tensors) < 10:
                beside |= {str(key): value for key, value in content.items() if key != wrapper}
                wrappers.append(wrapper)
                content = content[wrapper]
                continue
        else:
            tensors = {}
        if not tensors:
            keys = ", ".join(map(str, content)) if isinstance(content, Mapping) else type(content).__name__
            raise ValueError(f"{path}: holds no weights; expected tensors by name, found {keys[:200]}")
        return tensors, beside, tuple(wrappers)


def _may_hold(content: Any) -> bool:
    return isinstance(content, Mapping | _StandIn)


def _module_state(module: _StandIn, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    """As ``nn.Module.state_dict``, of a network that was pickled whole."""
    attributes = vars(module)
    for kind in ("_parameters", "_buffers"):
        for name, tensor in (attributes.get(kind) or {}).items():
            if isinstance(tensor, Tensor):
                yield f"{prefix}{name}", tensor.detach()
    for name, child in (attributes.get("_modules") or {}).items():
        if isinstance(child, _StandIn):
            yield from _module_state(child, f"{prefix}{name}.")


_DTYPES = {"F32": np.float32, "F16": np.float16, "F64": np.float64, "I64": np.int64, "I32": np.int32}


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    """Eight bytes of length, a JSON header, and the tensors' bytes one after another."""
    content = path.read_bytes()
    try:
        (length,) = struct.unpack("<Q", content[:8])
        header = json.loads(content[8 : 8 + length])
        body = content[8 + length :]
        tensors = {}
        for name, entry in header.items():
            if name == "__metadata__":
                continue
            begin, end = entry["data_offsets"]
            if entry["dtype"] == "BF16":
                # The upper half of a float32.
                values = (np.frombuffer(body[begin:end], "<u2").astype(np.uint32) << 16).view(np.float32)
            else:
                values = np.frombuffer(body[begin:end], np.dtype(_DTYPES[entry["dtype"]]).newbyteorder("<"))
            tensors[name] = torch.from_numpy(values.reshape(entry["shape"]).copy())
        return tensors
    except (ValueError, KeyError, TypeError, struct.error) as error:
        raise _unreadable(path, error) from error
