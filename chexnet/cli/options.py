"""Flags from the fields of a dataclass, so that nothing is declared twice."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin

import click

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def options_from(kind: type) -> Callable[[Decorated], Decorated]:
    """One option for each field of the dataclass `kind`, with its default and the help in its metadata."""

    def decorate(function: Decorated) -> Decorated:
        for field in reversed(dataclasses.fields(kind)):
            name = field.metadata.get("flag", field.name.replace("_", "-"))
            function = click.option(
                # A choice of yes or no is a pair of flags.
                f"--{name}/--no-{name}" if field.type is bool else f"--{name}",
                field.name,
                default=field.default,
                show_default=field.default not in (None, ()),
                help=field.metadata["help"],
                **_click_type(field.type),
            )(function)
        return function

    return decorate


def build(kind: type, values: dict[str, Any]) -> Any:
    """An instance of `kind` from the parsed options that are its fields.

    Raises:
        click.ClickException: the dataclass refuses a value.
    """
    fields = {field.name for field in dataclasses.fields(kind)}
    try:
        return kind(**{name: value for name, value in values.items() if name in fields})
    except ValueError as error:
        raise click.ClickException(str(error)) from error


def _click_type(annotation: Any) -> dict[str, Any]:
    """What click must be told of a field's type."""
    if get_origin(annotation) is Literal:
        return {"type": click.Choice(get_args(annotation))}
    if get_origin(annotation) is tuple:
        return {"type": get_args(annotation)[0], "multiple": True}
    if isinstance(annotation, UnionType):
        (annotation,) = (kind for kind in get_args(annotation) if kind is not type(None))
    return {"type": click.Path(path_type=Path) if annotation is Path else annotation}
