"""Flags from the fields of a dataclass, so that nothing is declared twice."""

import dataclasses
from collections.abc import Callable
from typing import Any, Literal, TypeVar, get_args, get_origin

import click

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def options_from(kind: type) -> Callable[[Decorated], Decorated]:
    """One option for each field of the dataclass `kind`, with its default and the help in its metadata."""

    def decorate(function: Decorated) -> Decorated:
        for field in reversed(dataclasses.fields(kind)):
            name = field.name.replace("_", "-")
            function = click.option(
                f"--{name}/--no-{name}" if field.type is bool else f"--{name}",
                field.name,
                type=_click_type(field.type),
                default=field.default,
                show_default=True,
                help=field.metadata["help"],
            )(function)
        return function

    return decorate


def build(kind: type, values: dict[str, Any]) -> Any:
    """An instance of `kind` from the parsed options that are its fields.

    Raises:
        click.UsageError: the dataclass refuses a value.
    """
    fields = {field.name for field in dataclasses.fields(kind)}
    try:
        return kind(**{name: value for name, value in values.items() if name in fields})
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _click_type(annotation: Any) -> Any:
    if get_origin(annotation) is Literal:
        return click.Choice(get_args(annotation))
    return annotation
