"""What was measured of one model file, for its card: the only description of `docs/model-card.json`.

`recipes/card/measure.py` fills these dataclasses; whoever measures a model of their own can do the same and
store it with `ModelEvaluation.write`. A subclass of `Estimate` is a number with its interval and what belongs
to it. Where the key in JSON is not a Python name, or is an older word, `Key` has it.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from chexnet._typed_json import Key, from_json, to_json
from chexnet.classifier import CalibrationTest, ModelIdentity
from chexnet.statistics import Estimate


@dataclass(frozen=True)
class Source:
    """A data set that the model learned from, directly or through a teacher."""

    name: str
    labels: str
    licence: str
    attribution: str


@dataclass(frozen=True)
class TestSet:
    """Images on which the model was measured; none of their patients was trained on."""

    name: str
    images: int
    patients: int


@dataclass(frozen=True)
class Characteristic:
    """One line about who the tested patients are, such as the share of AP images."""

    what: str
    value: str


@dataclass(frozen=True)
class TrainingImages:
    """Which images the model learned from.

    Attributes:
        sha256: of the images' names, as the model file carries it; None where it carries none.
        description: the table of the recipes with that hash; None where none has it.
    """

    sha256: str | None
    description: Annotated[str | None, Key("is")]


@dataclass(frozen=True, kw_only=True)
class CommonMean(Estimate):
    """The mean AUROC over the findings that nearly every resample has images of."""

    findings: int


@dataclass(frozen=True)
class MeanAuroc:
    """The mean AUROC over all findings, and with an interval over the common ones."""

    value: float
    findings: int
    common: CommonMean


@dataclass(frozen=True, kw_only=True)
class Comparison(Estimate):
    """AUROC of one question, answered by the model or by a baseline that sees no image.

    Attributes:
        what: the question.
        by: who answers it; "the model" for the model.
        present, absent: images with and without what is asked for.
    """

    what: str
    by: str
    present: int
    absent: int


@dataclass(frozen=True)
class Reproduced:
    """AUROCs measured from the file now, beside those that training wrote into it."""

    findings: int
    largest_auroc_difference: float


@dataclass(frozen=True, kw_only=True)
class SubgroupAuroc(Estimate):
    """AUROC of one finding in a subgroup, and how many of its images have the finding."""

    positives: int


@dataclass(frozen=True)
class SubgroupResult:
    """One group, such as the women, and the AUROC of each finding in it."""

    grouping: str
    name: str
    images: int
    patients: int
    findings: dict[str, SubgroupAuroc]


@dataclass(frozen=True)
class OperatingPoint:
    """What one finding's threshold does on the test images."""

    threshold: float
    f1: Estimate
    sensitivity: Estimate
    specificity: Estimate
    ppv: Estimate
    npv: Estimate


@dataclass(frozen=True)
class ErrorCount:
    """Images of one kind: how many, of these AP, and of these with another finding."""

    images: Annotated[int, Key("films")]
    ap: Annotated[int, Key("AP")]
    other_finding: int


@dataclass(frozen=True)
class Errors:
    """Images with a finding and those of them that were missed; images without, and false calls."""

    present: ErrorCount
    missed: ErrorCount
    absent: ErrorCount
    false: ErrorCount


@dataclass(frozen=True)
class SyntheticResult:
    """The network's probability of pneumonia for a computed image, without its gate."""

    picture: str
    pneumonia: float


@dataclass(frozen=True, kw_only=True)
class Confound(Estimate):
    """AUROC of a score for something that is not a finding, among images without any finding; 0.5 is blind.

    Attributes:
        what: such as the view.
        score: the finding whose score is looked at.
    """

    what: str
    score: str
    present: int
    absent: int


@dataclass(frozen=True, kw_only=True)
class MeanChange(Estimate):
    """The change of the mean AUROC, and over how many findings."""

    findings: int


@dataclass(frozen=True)
class Covered:
    """Changes when a region of the image is covered: of three AUROCs, and of the probability of pneumonia."""

    what: str
    pneumonia: Annotated[Estimate, Key("pneumonia or no finding")]
    any_finding: Annotated[Estimate, Key("any finding or none")]
    mean: Annotated[MeanChange, Key("mean of the findings")]
    pneumonia_change: float


@dataclass(frozen=True)
class MeanMap:
    """Mean map of the images with a finding less that of the images without.

    Attributes:
        difference: rows by columns, in logits.
        logit_difference: its mean, which is the difference of the mean logits.
        border_share: share of it in the outermost cells.
        border_cells: share of the cells that are outermost.
    """

    difference: tuple[tuple[float, ...], ...]
    logit_difference: float
    border_share: float
    border_cells: float


@dataclass(frozen=True)
class Confounds:
    """What the model reads that is not a finding."""

    told_apart: tuple[Confound, ...]
    covered: tuple[Covered, ...]
    mean_maps: dict[str, MeanMap]


@dataclass(frozen=True)
class ModelEvaluation:
    """Everything that a model card reports beyond what the model file knows.

    Attributes:
        command: that measured it.
        software: name and version of what measured it.
        model: the file that was measured.
        test_sets: images it was measured on; the first is the one that tables are about.
        operating_points: by policy, then by finding.
        calibration: by finding, before and after calibration.
        errors: by finding, at the thresholds that apply.
    """

    command: str
    software: str
    model: ModelIdentity
    sources: tuple[Source, ...]
    limits: tuple[str, ...]
    training_images: TrainingImages
    test_sets: Annotated[tuple[TestSet, ...], Key("films")]
    characteristics: tuple[Characteristic, ...]
    mean_auroc: MeanAuroc
    comparisons: tuple[Comparison, ...]
    reproduced: Reproduced
    subgroups: tuple[SubgroupResult, ...]
    operating_points: dict[str, dict[str, OperatingPoint]]
    calibration: dict[str, CalibrationTest]
    errors: dict[str, Errors]
    synthetic: tuple[SyntheticResult, ...]
    confounds: Confounds

    @classmethod
    def read(cls, path: Path) -> "ModelEvaluation":
        """Read what `write` wrote.

        Raises:
            ValueError: the file cannot be read, or something is missing or of another type; says what.
        """
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ValueError(f"{path}: expected the evaluation of a model as JSON ({error})") from error
        try:
            return from_json(cls, content)
        except ValueError as error:
            raise ValueError(
                f"{path}: this is not the whole evaluation of a model: {error}. "
                "`python -m recipes.card.measure` measures one"
            ) from error

    def write(self, path: Path) -> None:
        """Store it as JSON."""
        text = json.dumps(to_json(self), indent=2, ensure_ascii=False, allow_nan=False)
        Path(path).write_text(text + "\n", encoding="utf-8")
