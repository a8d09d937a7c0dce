"""`chexnet predict`."""

import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click
from tqdm import tqdm

from chexnet.classifier import (
    FindingPrediction,
    InvalidModel,
    ModelIdentity,
    Prediction,
    find_inputs,
    load,
    score_files,
)

ALL_READ, NOTHING_DONE, SOME_UNREADABLE = 0, 1, 2
if TYPE_CHECKING:
    from chexnet.classifier.overlay import HeatmapWriter
    from chexnet.classifier.table import TableWriter

MANY = 20
"""From so many images on, the tables give way to one line an image."""


@click.command(name="predict")
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array, one object an image.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write one row an image to this .csv, .json or .parquet file.",
)
@click.option(
    "--heatmaps",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write <image>-<Finding>.png into this folder: the film beside its class activation map.",
)
@click.option(
    "--finding",
    "findings",
    multiple=True,
    help="Finding to draw a heat map of; repeat for several. Default: those at or above their threshold.",
)
@click.option("--model", type=click.Path(path_type=Path), help="Model file. Default: the embedded one.")
@click.option("--policy", help="Operating points to apply. Default: the model's own.")
@click.option(
    "--workers", type=click.IntRange(min=1), help="Images read at the same time. Default: one a core."
)
def command(
    inputs: tuple[str, ...],
    as_json: bool,
    output: Path | None,
    heatmaps: Path | None,
    findings: tuple[str, ...],
    model: Path | None,
    policy: str | None,
    workers: int | None,
) -> None:
    """Read chest radiographs: the probability of each pathology, and where it is seen.

    INPUT is a PNG, JPEG or DICOM file, a folder (searched to the bottom), or a glob pattern.

    Exit status: 0 every input was read, 2 some could not be, 1 nothing could be done.

    \b
    Examples:
      chexnet predict film.dcm
      chexnet predict film.png --heatmaps maps --finding Pneumonia
      chexnet predict archive/ --output scores.csv
      chexnet predict 'study/*.dcm' --json
    """
    found = find_inputs(inputs)
    if found.passed_over:
        click.echo(
            f"passed over {len(found.passed_over)} files that are no PNG, JPEG or DICOM, "
            f"the first {found.passed_over[0]}",
            err=True,
        )
    if not found.files:
        raise click.ClickException(f"no PNG, JPEG or DICOM file in {', '.join(inputs)}")
    many = len(found.files) > 1
    errors = 0
    try:
        # One image takes all cores; of many, each takes one.
        classifier = load(model, policy=policy, threads=1 if many else None)
        unknown = [finding for finding in findings if finding not in classifier.findings]
        if unknown:
            raise ValueError(
                f"no finding {', '.join(unknown)}; the model has {', '.join(classifier.findings)}"
            )
        with ExitStack() as stack:
            table = _table(stack, output, classifier.findings, classifier.identity) if output else None
            pictures = _pictures(heatmaps, findings) if heatmaps else None
            printer = stack.enter_context(_JsonArray()) if as_json else _Text(brief=len(found.files) > MANY)
            scored_files = score_files(classifier, found.files, workers=workers)
            for scored in tqdm(scored_files, total=len(found.files), unit="film", disable=not many or None):
                errors += scored.prediction.status == "error"
                printer.add(scored.prediction)
                if table:
                    table.add(scored.prediction)
                if pictures and scored.radiograph:
                    for path in pictures.write(scored.file.name, scored.radiograph, scored.prediction):
                        tqdm.write(f"wrote {path}", file=sys.stderr)
    except (InvalidModel, ValueError, OSError) as error:
        raise click.ClickException(str(error)) from error
    if output:
        click.echo(f"wrote {output}", err=True)
    if errors:
        click.echo(f"{errors} of {len(found.files)} images could not be read", err=True)
        sys.exit(NOTHING_DONE if errors == len(found.files) else SOME_UNREADABLE)


class _JsonArray:
    """Prints one object after another, so that a long run is not held in memory."""

    def __init__(self) -> None:
        self._first = True

    def __enter__(self) -> "_JsonArray":
        sys.stdout.write("[")
        return self

    def add(self, prediction: Prediction) -> None:
        sys.stdout.write("\n" if self._first else ",\n")
        sys.stdout.write(json.dumps(prediction.to_dict(), ensure_ascii=False))
        self._first = False

    def __exit__(self, *_: object) -> None:
        sys.stdout.write("\n]\n")


class _Text:
    """Prints a table an image, or, of many images, a line."""

    def __init__(self, *, brief: bool) -> None:
        self._brief = brief

    def add(self, prediction: Prediction) -> None:
        if prediction.status != "ok":
            tqdm.write(f"{prediction.status}: {prediction.reason}", file=sys.stderr)
        elif self._brief:
            tqdm.write(f"{prediction.image}: {_in_one_line(prediction)}", file=sys.stdout)
        else:
            tqdm.write(_as_table(prediction), file=sys.stdout)


def _in_one_line(prediction: Prediction) -> str:
    present = [
        f"{finding.finding} {finding.probability:.0%}" for finding in prediction.findings if finding.present
    ]
    return ", ".join(present) or "no finding at its threshold"


def _as_table(prediction: Prediction) -> str:
    lines = [prediction.image, *(f"  note: {note}" for note in prediction.notes)]
    lines.append(f"  {'finding':<20}{'probability':>12}{'threshold':>11}")
    lines += [f"  {_row(finding)}" for finding in prediction.findings]
    model = prediction.model
    lines.append(f"  model {model.name} {model.version}, sha256 {model.sha256[:12]}")
    lines.append("  Research software, not a medical device: not for diagnosis.")
    return "\n".join(lines)


def _row(finding: FindingPrediction) -> str:
    threshold = "" if finding.threshold is None else f"{finding.threshold:.1%}"
    verdict = {True: "PRESENT", False: "", None: "" if finding.validated else "not validated"}
    line = f"{finding.finding:<20}{finding.probability:>12.1%}{threshold:>11}"
    return f"{line}  {verdict[finding.present]}".rstrip()


def _table(stack: ExitStack, output: Path, findings: tuple[str, ...], model: ModelIdentity) -> "TableWriter":
    from chexnet.classifier.table import TableWriter

    return stack.enter_context(TableWriter(output, findings, model))


def _pictures(folder: Path, findings: tuple[str, ...]) -> "HeatmapWriter":
    # Pillow's drawing is loaded only where a picture is asked for.
    from chexnet.classifier.overlay import HeatmapWriter

    return HeatmapWriter(folder, findings)
