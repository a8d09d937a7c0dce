"""What a dataclass of options says of its fields, and how long work reports how far it is."""

from collections.abc import Callable
from dataclasses import field
from typing import Any


def option(default: Any, text: str, **details: Any) -> Any:
    """A dataclass field with the help that a command line shows.

    Args:
        default: the field's default value.
        text: one or two sentences.
        details: further metadata, such as `flag` where the option has another name than the field.
    """
    return field(default=default, metadata={"help": text, **details})


Progress = Callable[[int, int], None]
"""Called after each part of a long piece of work, with the number of parts done and the number of all."""
