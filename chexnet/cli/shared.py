"""What several commands have in common, each declared once: exit codes, flags, progress, errors."""

import dataclasses
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin

import click

from chexnet._options import Progress
from chexnet.statistics import POLICIES

NOTHING_DONE, SOME_LEFT_OUT, LEAKS, INTERRUPTED = 1, 2, 3, 130
"""Exit codes besides 0. A wrong command line ends with 1 too."""

FILE = click.Path(path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)
EXISTING = click.Path(exists=True, path_type=Path)
EXISTING_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)

Decorated = TypeVar("Decorated", bound=Callable[..., Any])
_Decorator = Callable[[Decorated], Decorated]
_ARGUMENT = re.compile(r"`([a-z_]+)`")
"""How the library names one of its arguments in a message."""


def together(*decorators: Callable[[Any], Any]) -> Callable[[Decorated], Decorated]:
    """One decorator that adds several options, shown by --help in this order."""

    def decorate(function: Decorated) -> Decorated:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


table_options = together(
    click.option("--image-column", help="Column with the image names, if it has no usual name."),
    click.option("--patient-column", help="Column with the patient, if it has no usual name."),
    click.option("--prefix", default="", help="What stands before each finding's name, such as prob_."),
    click.option("--rename", multiple=True, metavar="OLD=NEW", help="A finding's other name; repeatable."),
    click.option(
        "--image-root",
        type=FOLDER,
        help="Folder that image names in the table start from. Default: the table's folder.",
    ),
)
"""How a table names its columns; ``chexnet.cli.inputs.column_names`` reads them."""

rule_options = together(
    *(
        click.option(
            f"--{name.replace('_', '-')}",
            f"rule_{name}",
            type=float,
            metavar="SHARE",
            help=words,
        )
        for name, words in {
            "sensitivity": "Instead of --policy: the highest threshold with at least this sensitivity.",
            "specificity": "Instead of --policy: the lowest threshold with at least this specificity.",
            "alarm_rate": "Instead of --policy: the lowest threshold that calls at most this share of "
            "images.",
            "threshold_probability": "Instead of --policy: this probability p. It is right where a missed "
            "finding weighs (1 - p) / p times a false alarm; it needs no --validation.",
        }.items()
    )
)
"""Operating points by what they are to reach; ``chexnet.cli.inputs.operating_rule`` reads them."""

validation_options = together(
    click.option(
        "--validation",
        type=FILE,
        help="Predictions of validation images, to choose thresholds on; images that are measured take no "
        "part.",
    ),
    click.option("--validation-labels", type=FILE, help="Labels of the validation images."),
    click.option(
        "--policy",
        type=click.Choice(list(POLICIES)),
        help="How thresholds are chosen on --validation. Default: sensitivity_90; against readers max_f1.",
    ),
    rule_options,
)
"""Where thresholds come from."""

model_option = click.option(
    "--model", type=FILE, help="Model file (.onnx). Default: the one that comes with chexnet."
)
model_policy_option = click.option(
    "--policy", help=f"Operating points to apply: {', '.join(POLICIES)}. Default: the model's own."
)
samples_option = click.option("--samples", default=10_000, show_default=True, help="Bootstrap resamples.")
finding_option = click.option(
    "--finding", "findings", multiple=True, help="Finding to compare; repeatable. Without it, all in common."
)
threshold_option = click.option(
    "--threshold",
    "thresholds_given",
    multiple=True,
    metavar="T or NAME=T",
    help="The model calls a finding present at probability >= T; from validation images. Repeatable.",
)
json_file_option = click.option("--json", "json_path", type=FILE, help="Write all numbers to this file.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print all numbers, for programs.")


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
                help=_flags_in_help(field.metadata["help"]),
                **_click_type(field.type),
            )(function)
        return function

    return decorate


def _flags_in_help(text: str) -> str:
    """A help text whose `` `arguments` `` are flags."""
    return _ARGUMENT.sub(lambda found: "--" + found[1].replace("_", "-"), text)


def build(kind: type, values: dict[str, Any]) -> Any:
    """An instance of `kind` from the parsed options that are its fields.

    Raises:
        click.ClickException: the dataclass refuses a value.
    """
    fields = {field.name for field in dataclasses.fields(kind)}
    with errors(ValueError):
        return kind(**{name: value for name, value in values.items() if name in fields})


@contextmanager
def errors(*kinds: type[Exception], resumable: bool = False) -> Iterator[None]:
    """Show what the library raises as one line, with status 1.

    Args:
        kinds: exceptions that have a message for the user; by default ValueError and OSError.
        resumable: after an interruption, say that the same command resumes.
    """
    shown = kinds or (ValueError, OSError)
    try:
        yield
    except shown as error:
        raise click.ClickException(with_flags(str(error))) from error
    except KeyboardInterrupt:
        if not resumable:
            raise
        click.echo("interrupted; run the same command again to resume", err=True)
        sys.exit(INTERRUPTED)


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM, which schedulers send, end the block as Ctrl-C does: by KeyboardInterrupt."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield  # Python lets only the main thread handle signals
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def extra(what: str, name: str) -> Iterator[None]:
    """Say which extra of the package is missing, where an import needs one.

    Args:
        what: needs it, such as "training".
        name: of the extra.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"{what} needs {error.name}, which the light install leaves out; install chexnet[{name}]"
        ) from error


def with_flags(message: str) -> str:
    """A message of the library in the words of the command line: an argument becomes its flag.

    The library writes `` `image_column` `` where it means one of its arguments. An argument that the
    running command does not have stays as it is.
    """
    context = click.get_current_context(silent=True)
    flags = {} if context is None else dict(_flags(context.command))
    return _ARGUMENT.sub(lambda found: flags.get(found[1], found[0]), message)


@contextmanager
def progress_bar(unit: str = "", *, total: int | None = None, show: bool = True) -> Iterator[Progress]:
    """A bar on a terminal; gives the function that a long computation calls with done and total."""
    # Imported here: most commands show no bar, and start sooner without it.
    from tqdm import tqdm

    with tqdm(total=total, unit=unit, disable=None if show else True, leave=False) as bar:

        def advance(done: int, total: int) -> None:
            bar.total, bar.n = total, done
            bar.refresh()

        yield advance


def _flags(command: click.Command) -> Iterator[tuple[str, str]]:
    for parameter in command.params:
        if not isinstance(parameter, click.Option):
            continue
        yield str(parameter.name), parameter.opts[0]
        for flag in (*parameter.opts, *parameter.secondary_opts):
            yield flag.lstrip("-").replace("-", "_"), flag


def _click_type(annotation: Any) -> dict[str, Any]:
    """What click needs to know of a field's type."""
    if get_origin(annotation) is Literal:
        return {"type": click.Choice(get_args(annotation))}
    if get_origin(annotation) is tuple:
        return {"type": get_args(annotation)[0], "multiple": True}
    if isinstance(annotation, UnionType):
        (annotation,) = (kind for kind in get_args(annotation) if kind is not type(None))
    return {"type": FILE if annotation is Path else annotation}
