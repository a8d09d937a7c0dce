"""`chexnet predict`."""

import json
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from chexnet.classifier import (
    INCOMPLETE,
    TRAINED_ON,
    FindingPrediction,
    Outcome,
    Prediction,
    PredictionJob,
    encodable,
    find_inputs,
    run_job,
)
from chexnet.cli.shared import (
    FOLDER,
    INTERRUPTED,
    NOTHING_DONE,
    SOME_LEFT_OUT,
    build,
    ended_by_sigterm,
    errors,
    options_from,
)
from chexnet.findings import display_name

_MANY = 20
"""From this many images on, one line per image is printed instead of a table."""


@click.command(name="predict")
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array, one object per image.")
@click.option(
    "--dicom-out",
    type=FOLDER,
    help="Write DICOM results into this folder: of each DICOM image a Secondary Capture with contours and a "
    "structured report.",
)
@click.option(
    "--sr",
    type=click.Choice(("3d", "comprehensive", "air", "none")),
    default="3d",
    show_default=True,
    help="Structured report of --dicom-out: Comprehensive 3D SR, Comprehensive SR, one for displays that "
    "follow IHE AIR, or none.",
)
@click.option(
    "--presentation-state", is_flag=True, help="Add contours as a presentation state (GSPS) to --dicom-out."
)
@options_from(PredictionJob)
def command(
    inputs: tuple[str, ...],
    as_json: bool,
    dicom_out: Path | None,
    sr: Any,
    presentation_state: bool,
    **options: Any,
) -> None:
    """Read chest radiographs: the probability of each pathology, and where it is seen.

    INPUT is a PNG, JPEG or DICOM file, a folder (searched to the bottom), or a glob pattern.

    Exit status: 0 every input was read, 2 some were refused or unreadable, 1 nothing could be done.

    \b
    Examples:
      chexnet predict image.dcm
      chexnet predict image.png --heatmaps maps --finding Pneumonia
      chexnet predict archive/ --output scores.csv
      chexnet predict archive/ --output scores.csv --resume
      chexnet predict 'study/*.dcm' --json
      chexnet predict study/ --dicom-out results
    """
    job = build(PredictionJob, options)
    if job.finding and job.heatmaps is None:
        click.echo("--finding chooses the maps to draw; without --heatmaps none is drawn", err=True)
    results = _result_folder(dicom_out, sr, presentation_state)
    found = find_inputs(inputs)
    if found.passed_over:
        click.echo(
            f"skipped {len(found.passed_over)} files that are not PNG, JPEG or DICOM, "
            f"the first {found.passed_over[0]}",
            err=True,
        )
    if not found.files:
        raise click.ClickException(f"no PNG, JPEG or DICOM file in {', '.join(inputs)}")
    count = len(found.files)
    tally = _Tally()
    try:
        with errors(ValueError, OSError), ended_by_sigterm(), _Screen(count) as screen:
            printer = _JsonArray(screen) if as_json else _Text(screen, brief=count > _MANY)
            for outcome in run_job(job, found.files):
                tally.add(outcome)
                printer.add(outcome.prediction)
                objects = results.write(outcome) if results else ()
                screen.advance((*outcome.pictures, *objects))
            printer.close()
    except KeyboardInterrupt:
        if job.output is None:
            raise
        click.echo(
            f"interrupted; the rows so far are in {job.output}{INCOMPLETE}; run the same command with "
            "--resume to go on",
            err=True,
        )
        sys.exit(INTERRUPTED)
    _say_what_happened(job, count, tally)
    if results:
        for name, reason in results.without_results:
            click.echo(f"no DICOM result of {encodable(name)}: {encodable(reason)}", err=True)
    if tally.left_out:
        sys.exit(NOTHING_DONE if tally.left_out == count else SOME_LEFT_OUT)


class _Tally:
    """How many images were done, and how."""

    def __init__(self) -> None:
        self.status = Counter[str]()
        self.without_map = 0
        self.trained_on = 0

    def add(self, outcome: Outcome) -> None:
        self.status[outcome.prediction.status] += 1
        self.without_map += outcome.prediction.status == "ok" and not outcome.pictures
        self.trained_on += any(note.startswith(TRAINED_ON) for note in outcome.prediction.notes)

    @property
    def left_out(self) -> int:
        return self.status["error"] + self.status["refused"]


def _say_what_happened(job: PredictionJob, count: int, tally: _Tally) -> None:
    def say(text: str) -> None:
        click.echo(text, err=True)

    if job.output:
        say(f"wrote {job.output}")
    if resumed := count - tally.status.total():
        say(f"{resumed} of {count} images had a row already, and were not read again")
    if job.heatmaps and tally.without_map:
        say(
            f"no heat map of {tally.without_map} of {count} images, where no finding is at its threshold; "
            "--finding NAME draws one of every image"
        )
    if tally.trained_on:
        say(
            f"{TRAINED_ON} {tally.trained_on} of these {count} images, or on others of their patients: their "
            "probabilities look better than those of new patients"
        )
    if tally.status["error"]:
        say(f"{tally.status['error']} of {count} images could not be read")
    if tally.status["refused"]:
        say(f"{tally.status['refused']} of {count} images were refused; --no-gate reads them")


def _result_folder(folder: Path | None, sr: Any, presentation_state: bool) -> Any:
    """Where DICOM results go; its imports are left out of a start without them."""
    if folder is None:
        if sr != "3d" or presentation_state:
            click.echo("--sr and --presentation-state shape --dicom-out, which is not given", err=True)
        return None
    from chexnet.pacs import ObjectSet, ResultFolder

    return ResultFolder(folder, ObjectSet(report=sr, presentation_state=presentation_state))


class _Screen:
    """Lines, and below them a bar where there is a person to see it."""

    def __init__(self, count: int) -> None:
        self._bar: Any = None
        # One image needs no bar, and starts quicker without the import.
        if count > 1 and sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(total=count, unit="image")

    def __enter__(self) -> "_Screen":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def say(self, text: str, *, err: bool = False) -> None:
        text = encodable(text)
        if self._bar is None:
            click.echo(text, err=err)
        else:
            file = sys.stderr if err else sys.stdout
            self._bar.write(text if file.isatty() else click.unstyle(text), file=file)

    def advance(self, pictures: Iterable[Path]) -> None:
        for path in pictures:
            self.say(f"wrote {path}", err=True)
        if self._bar is not None:
            self._bar.update(1)


class _JsonArray:
    """Prints one object after another, so that a long run is not held in memory."""

    def __init__(self, screen: _Screen) -> None:
        self._screen = screen
        self._held: str | None = None

    def add(self, prediction: Prediction) -> None:
        self._print(",")
        opening = "[\n" if self._held is None else ""
        self._held = opening + json.dumps(prediction.to_dict(), ensure_ascii=False)

    def _print(self, after: str) -> None:
        if self._held is not None:
            self._screen.say(self._held + after)

    def close(self) -> None:
        self._print("\n]")


class _Text:
    """Prints a table per image, or, of many images, a line each."""

    def __init__(self, screen: _Screen, *, brief: bool) -> None:
        self._screen = screen
        self._brief = brief

    def add(self, prediction: Prediction) -> None:
        if prediction.status != "ok":
            self._screen.say(f"{prediction.status}: {prediction.reason}", err=True)
        elif self._brief:
            self._screen.say(f"{prediction.image}: {_in_one_line(prediction)}")
        else:
            self._screen.say(_as_table(prediction))

    def close(self) -> None:
        pass


def _in_one_line(prediction: Prediction) -> str:
    present = [
        f"{display_name(finding.finding)} {finding.probability:.0%}"
        for finding in prediction.findings
        if finding.present
    ]
    return ", ".join(present) or "no finding at its threshold"


def _as_table(prediction: Prediction) -> str:
    lines = [prediction.image, *(f"  note: {note}" for note in prediction.notes)]
    policy = next((finding.policy for finding in prediction.findings if finding.policy), "")
    lines.append(f"  {'finding':<20}{'probability':>12}{'threshold':>11}  {policy}".rstrip())
    lines += [f"  {_row(finding)}" for finding in prediction.findings]
    model = prediction.model
    lines.append(f"  model {model.name} {model.version}, sha256 {model.sha256[:12]}")
    lines.append("  Research software, not a medical device: not for diagnosis.")
    return "\n".join(lines)


def _row(finding: FindingPrediction) -> str:
    threshold = "" if finding.threshold is None else f"{finding.threshold:.1%}"
    verdict = {True: "PRESENT", False: "", None: "" if finding.validated else "too few to tell"}
    line = f"{display_name(finding.finding):<20}{finding.probability:>12.1%}{threshold:>11}"
    row = f"{line}  {verdict[finding.present]}".rstrip()
    return row if finding.validated else click.style(row, dim=True)
