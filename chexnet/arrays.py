"""Array types that state their shape, as in ``Float[np.ndarray, "images findings"]``.

They are jaxtyping's under a type checker, and wherever jaxtyping was imported first: pytest does, and
checks every call against them. Otherwise they are stand-ins that cost nothing, because importing jaxtyping
takes longer than importing NumPy, and a cold start would pay for checks that it never makes.
"""

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING or "jaxtyping" in sys.modules:
    from jaxtyping import (
        Bool,
        Float,
        Float32,
        Float64,
        Int,
        Int64,
        Integer,
        Num,
        Shaped,
        UInt8,
        UInt16,
        UInt64,
    )
else:

    class _Unchecked:
        """Any array."""

        def __class_getitem__(cls, _shape: object) -> Any:
            return Any

    Bool = Float = Float32 = Float64 = Int = Int64 = Integer = Num = Shaped = UInt8 = UInt16 = UInt64 = (
        _Unchecked
    )

__all__ = [
    "Bool",
    "Float",
    "Float32",
    "Float64",
    "Int",
    "Int64",
    "Integer",
    "Num",
    "Shaped",
    "UInt8",
    "UInt16",
    "UInt64",
]
