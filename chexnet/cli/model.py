"""`chexnet model`."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from chexnet.classifier import (
    NO_MAPS,
    Classifier,
    FindingMetadata,
    GateMetadata,
    InvalidModel,
    TrainingSet,
    load,
    verify,
)
from chexnet.cli.inputs import column_names
from chexnet.cli.shared import EXISTING, build, errors, progress_bar, table_options
from chexnet.findings import display_name
from chexnet.statistics import Estimate

_MAPS = {
    "mean": "the mean of a map plus its bias is the logit",
    "log_sum_exp": "show where; pooled by log-sum-exp, they do not add up to the logit",
    "none": NO_MAPS,
}

_FILE = click.argument("file", required=False, type=click.Path(path_type=Path))


@contextmanager
def needs_training() -> Iterator[None]:
    """Say which package is missing where the light install meets a command that writes model files."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"this needs {error.name}, which the light install leaves out; install chexnet[train]"
        ) from error


@click.group(name="model")
def command() -> None:
    """Inspect and verify a model file. Without FILE, the embedded model."""


@command.command()
@_FILE
@click.option("--json", "as_json", is_flag=True, help="Print the metadata as the file holds them.")
def info(file: Path | None, as_json: bool) -> None:
    """Print the card: what the model finds, how well, what it was trained on."""
    try:
        classifier = load(file)
    except InvalidModel as error:
        raise click.ClickException(str(error)) from error
    click.echo(classifier.metadata.to_json() if as_json else _card(classifier))


@command.command()
@_FILE
@click.option(
    "--evaluation",
    type=click.Path(path_type=Path),
    help="What was measured of this file, as JSON (`ModelEvaluation`). Default: what the file holds.",
)
@click.option(
    "--reliability",
    type=click.Path(path_type=Path),
    help="Draw the validated findings' reliability diagrams into this .svg, and link to it.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["markdown", "huggingface", "chai"]),
    default="markdown",
    show_default=True,
    help="Markdown, the same with front matter for the Hugging Face Hub, or CHAI's applied model card (XML).",
)
def card(file: Path | None, evaluation: Path | None, reliability: Path | None, form: str) -> None:
    """Print the model card, from the file and from an evaluation of it.

    \b
    Example:
      chexnet model card model.onnx --evaluation model-card.json > model-card.md
      chexnet model card model.onnx --evaluation model-card.json --format chai > model-card.xml
    """
    # Imported here: info and verify need no table.
    from chexnet.report import model_card as cards

    try:
        classifier = load(file)
        known = (classifier.metadata, classifier.identity)
        measured = None if evaluation is None else cards.ModelEvaluation.read(evaluation)
        if form == "chai":
            text = cards.chai_card(*known, measured)
        else:
            write = cards.hugging_face_card if form == "huggingface" else cards.model_card
            text = write(*known, measured, reliability=None if reliability is None else str(reliability))
        if reliability is not None:
            reliability.write_bytes(cards.draw_reliability(classifier.metadata, measured))
    except (InvalidModel, ValueError, OSError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(text)


@command.command("verify")
@_FILE
def _verify(file: Path | None) -> None:
    """Check that the file is whole and computes what was trained. Exit status 1 if it does not."""
    try:
        checks = verify(file)
    except InvalidModel as error:
        raise click.ClickException(str(error)) from error
    for check in checks:
        click.echo(f"{'ok' if check.holds else 'FAILED':<7}{check.what}: {check.measured}")
    if not all(check.holds for check in checks):
        sys.exit(1)


@command.command("add-gate")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--output", type=click.Path(path_type=Path), help="Where to write. Default: FILE itself.")
def _add_gate(file: Path, output: Path | None) -> None:
    """Give a model file this version's gate, which refuses anything that is not a frontal chest radiograph.

    Its logits and maps stay what they are. Training ends with the same step. Needs chexnet[train].
    """
    try:
        from chexnet.training import add_gate

        load(file)  # whatever is wrong with the file is told as always
        click.echo(f"wrote {add_gate(file, output)}")
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"adding a gate needs {error.name}, which the light install leaves out; install chexnet[train]"
        ) from error
    except (ValueError, OSError) as error:
        raise click.ClickException(str(error)) from error


@command.command("import")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Model file to write.")
@click.option("--preset", help="A published network whose findings and input are known, such as arnoweng.")
@click.option("--findings", metavar="A,B,…", help="What the outputs mean, in their order.")
@click.option("--image-size", type=int, help="Side of the network's input, in pixels.")
@click.option("--mean", metavar="R,G,B", help="Subtracted from grey in [0, 1]; or one number for all.")
@click.option("--std", metavar="R,G,B", help="Divided by, likewise.")
@click.option("--input-range", metavar="LOW,HIGH", help="What black and white become, instead: -1024,1024.")
@click.option("--name", help="The model's name in its file. Default: the checkpoint's file name.")
def import_(checkpoint: Path, output: Path, **options: Any) -> None:
    """Make a model file from trained weights of another project.

    Known are CheXNet copies (arnoweng, zoogzog, reproduce-chexnet), DenseNet-121 of torchvision, timm, MONAI,
    torchxrayvision, Lightning and Keras, and best.ckpt of chexnet train; with any prefix, as torch,
    safetensors or .h5. Nothing in the file is executed. The result is not calibrated and not tested, and
    says so in every prediction; `model calibrate` changes that. Needs chexnet[train], and h5py for .h5.

    \b
    Examples:
      chexnet model import model.pth.tar --preset arnoweng -o chexnet-full.onnx
      chexnet model import my.pt --findings Mass,Edema --image-size 320 --mean 0.5 --std 0.25 -o my.onnx
    """
    with needs_training(), errors(ValueError, OSError):
        from chexnet.training import ImportOptions, import_model

        made = import_model(checkpoint, output, build(ImportOptions, options))
    size, mean, std = made.preprocessing.size, made.preprocessing.mean, made.preprocessing.std
    click.echo(f"layout        {made.layout}\nfindings      {', '.join(made.findings)}")
    click.echo(f"input         {size}×{size}, mean {mean}, std {std}")
    if made.ignored:
        click.echo(f"left out      {', '.join(made.ignored)}")
    click.echo(f"proof         logits of torch and of the file differ by {made.difference:.1e} at most")
    click.echo(f"wrote {made.path}: not calibrated, not tested")


@command.command("calibrate")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--images", type=EXISTING, required=True, help="Folder of validation images of your own.")
@click.option(
    "--labels", type=EXISTING, required=True, help="Their table: image, patient, findings as 0 or 1."
)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Model file to write.")
@click.option("--gate/--no-gate", default=True, show_default=True, help="Leave out what the gate rejects.")
@table_options
def calibrate_(file: Path, images: Path, labels: Path, output: Path, gate: bool, **options: Any) -> None:
    """Fit a model file's calibration and operating points on images of your own.

    Each finding needs at least 10 positive and 10 negative images; findings with fewer stay as they are and
    are named. Do not use images that the model learned from, or that you want to measure it on later.

    \b
    Example:
      chexnet model calibrate chexnet-full.onnx --images site/ --labels site.csv -o chexnet-site.onnx
    """
    with needs_training(), errors(ValueError, OSError):
        from chexnet.training import calibrate

        with progress_bar("image") as advance:
            made = calibrate(
                file,
                images,
                labels,
                output,
                names=column_names(options, [labels]),
                gate=gate,
                progress=advance,
            )
    for one in made.findings:
        if one.refusal is None:
            area = one.metadata.auroc
            known = f"{one.positives} positive, {one.negatives} negative"
            verdict = "validated" if one.metadata.validated else "not validated"
            click.echo(f"{one.metadata.finding}: {known}, AUROC {area.text(3) if area else ''}, {verdict}")
        else:
            click.echo(f"not calibrated: {one.refusal}", err=True)
    click.echo(f"wrote {made.path}, calibrated on {made.images:,} images")


@command.command("add-training-ids")
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("lists", nargs=-1, type=click.Path(path_type=Path))
@click.option("--labels", type=click.Path(path_type=Path), help="Table that says whose each image is.")
@click.option(
    "--without-patients", is_flag=True, help="Take the patients out of a file that has them; without LISTS."
)
@click.option("--output", type=click.Path(path_type=Path), help="Where to write. Default: FILE itself.")
def add_training_ids(
    file: Path, lists: tuple[Path, ...], labels: Path | None, without_patients: bool, output: Path | None
) -> None:
    """Give a model file hashes of the images and patients that it learned from.

    `chexnet predict` then marks these images, and `evaluate --exclude-seen` leaves them out. LISTS are the
    training_ids.txt of its run, of its teachers and of its initial weights, or the tables that these runs
    were given; all of them must be there. Training ends with the same step. Needs chexnet[train].

    \b
    Example:
      chexnet model add-training-ids model.onnx run/training_ids.txt --labels labels.csv
    """
    if without_patients == bool(lists):
        raise click.ClickException("give LISTS, or --without-patients")
    with needs_training():
        from chexnet.training import add_training_set, remove_patients
    with errors(ValueError, OSError):
        load(file)  # whatever is wrong with the file is said as always
        added = (
            remove_patients(file, output)
            if without_patients
            else add_training_set(file, lists, output, labels=labels)
        )
    click.echo(f"wrote {added.path}: {added.images:,} images, {added.patients:,} patients")


def _card(classifier: Classifier) -> str:
    metadata = classifier.metadata
    training = metadata.training
    input_ = metadata.preprocessing
    imported = training.get("imported", {})
    lines = [
        f"{metadata.name} {metadata.version}",
        f"sha256        {classifier.identity.sha256}",
        f"intended use  {metadata.intended_use}",
        f"input         {input_.size}×{input_.size}, mean {input_.mean}, std {input_.std}",
        *([f"standing      {metadata.standing}"] if metadata.standing else []),
        *(f"imported      {name}: {value}" for name, value in imported.items() if value),
        f"trained on    {training.get('data')}",
        f"images        {training.get('images')}",
        f"patients      {training.get('patients')}",
        f"training ids  sha256 {training.get('train_ids_sha256')}",
        f"seen images   {_seen(classifier.training_set)}",
        f"recipe        {training.get('recipe')}",
        f"initial       {training.get('initial_weights')}",
        f"software      {training.get('software')}",
        f"tested on     {metadata.test_data}",
        f"maps          {_MAPS[metadata.maps]}",
        f"policies      {', '.join(classifier.policies)}; {classifier.policy} applies",
        *_gate(metadata.gate),
        "",
        f"{'finding':<20}{'AUROC (95 % interval)':>24}{'positive':>10}{'negative':>10}"
        f"{classifier.policy:>16}{'ECE: plain, calibrated':>24}",
    ]
    for finding in metadata.findings:
        area = finding.auroc
        auroc = "not estimable" if area is None else area.text(3)
        threshold = finding.threshold(classifier.policy)
        line = (
            f"{display_name(finding.finding):<20}{auroc:>24}{finding.positives:>10}{finding.negatives:>10}"
            f"{'–' if threshold is None else f'{threshold:.3f}':>16}{_calibration(finding):>24}"
        )
        lines.append(line if finding.validated else click.style(f"{line}  too few to tell", dim=True))
    return "\n".join(lines)


def _seen(training_set: TrainingSet | None) -> str:
    if training_set is None:
        return "not in the file: predict cannot mark the images that it was trained on"
    return f"hashes of {len(training_set.images):,} images and {len(training_set.patients):,} patients"


def _calibration(finding: FindingMetadata) -> str:
    test = finding.calibration_test
    return "not measured" if test is None else f"{test.before.ece:.3f}, {test.after.ece:.3f}"


def _gate(gate: GateMetadata | None) -> list[str]:
    if gate is None:
        return ["gate          none: any picture is read"]
    lines = [f"gate          {gate.sha256[:12]}, passes at {gate.threshold:g}; refused of what it never saw:"]
    for entry in gate.measured:
        share = Estimate(entry.refused / entry.pictures, entry.low, entry.high).text(2, percent=True)
        lines.append(f"  {entry.kind:<44}{entry.refused:>6} of {entry.pictures:<6}{share:>26}")
    return lines
