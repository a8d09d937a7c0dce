"""The one-file model: load, run, calibrate."""

import copy
import hashlib
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chexnet._onnx import UnreadableGraph, open_session
from chexnet.arrays import Float32
from chexnet.classifier.gate import explained, header_says, unfit
from chexnet.classifier.metadata import KEY, FindingMetadata, InvalidModel, ModelMetadata, reference_input
from chexnet.classifier.prediction import FindingPrediction, ModelIdentity, Prediction
from chexnet.classifier.training_set import TRAINING_SET_KEY, TrainingSet
from chexnet.radiograph import NotAChestRadiograph, Radiograph, network_input, over_image, read_radiograph

DEFAULT_MODEL = Path(__file__).with_name("chexnet.onnx")
"""The embedded model."""

REFERENCE_TOLERANCE = 1e-3
"""Largest difference from the stored reference logits: above rounding, below any change of weights."""

TRAINED_ON = "the model was trained on"
"""Begins the note on an image that the model has learned from."""

NOT_CHECKED = "not checked whether this is a frontal chest radiograph"

Outputs = tuple[
    Float32[np.ndarray, "images findings"], Float32[np.ndarray, "images findings rows columns"] | None
]


def default_model() -> Path:
    """The model file that is used where none is named.

    The environment variable CHEXNET_MODEL names it; without it, the key `model` of the file
    `chexnet/config.toml` below $XDG_CONFIG_HOME, by default ~/.config; without both, the embedded model.

    Raises:
        InvalidModel: the configuration cannot be read, or its `model` is not a path.
    """
    if named := os.environ.get("CHEXNET_MODEL"):
        return Path(named)
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")  # noqa: PTH111 (no home, no error)
    config = Path(home, "chexnet", "config.toml")
    if not config.is_file():
        return DEFAULT_MODEL
    import tomllib  # only where there is something to read, to keep the cold start short

    try:
        chosen = tomllib.loads(config.read_text(encoding="utf-8")).get("model")
    except (OSError, ValueError) as error:
        raise InvalidModel(f'{config}: cannot be read ({error}); expected model = "FILE"') from error
    if chosen is not None and not isinstance(chosen, str):
        raise InvalidModel(f"{config}: model is {chosen!r}; expected the path of a model file")
    return DEFAULT_MODEL if chosen is None else Path(os.path.expanduser(chosen))  # noqa: PTH111


class Classifier:
    """A trained model, ready to read radiographs. Safe to share among threads.

    Its `training_set` says which images it learned from; None where the file does not.

    Args:
        path: a model file as `chexnet train` writes it; None is the default, see `default_model`.
        policy: names the operating points; None is the model's own choice.
        threads: processor threads for one image; None is all cores.
        one_image: load quickly, for a single image; without it, loading takes twice the time and each
            image two fifths less. Logits agree to rounding.

    Raises:
        InvalidModel: no complete and consistent model file, or it has no such policy.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        policy: str | None = None,
        threads: int | None = None,
        one_image: bool = False,
    ) -> None:
        self.path = default_model() if path is None else Path(path)
        content = _read(self.path)
        digest = hashlib.sha256()
        # Beside the loading, which takes longer: neither holds the interpreter.
        hashing = threading.Thread(target=digest.update, args=(content,))
        hashing.start()
        try:
            self._session = _session(content, self.path, threads, one_image)
        finally:
            hashing.join()
        self.metadata = _metadata(self._session, self.path)
        self.training_set = _training_set(self._session, self.path)
        self.identity = ModelIdentity(self.metadata.name, self.metadata.version, digest.hexdigest())
        self.policy = self.metadata.policy if policy is None else policy
        if policy is not None:
            self._check_policy(policy)

    @property
    def findings(self) -> tuple[str, ...]:
        """What the model's outputs mean, in their order."""
        return tuple(finding.finding for finding in self.metadata.findings)

    @property
    def policies(self) -> tuple[str, ...]:
        """The names of the operating points in the file."""
        return tuple(sorted({name for finding in self.metadata.findings for name in finding.thresholds}))

    def under(self, policy: str) -> "Classifier":
        """The same model with the operating points of another policy; both share the network.

        Raises:
            InvalidModel: the model has no such policy.
        """
        self._check_policy(policy)
        other = copy.copy(self)
        other.policy = policy
        return other

    def _check_policy(self, policy: str) -> None:
        if policy not in self.policies:
            names = ", ".join(self.policies) or "none"
            raise InvalidModel(f"{self.path}: no policy {policy!r}; it has {names}")

    def predict(self, image: str | os.PathLike[str] | bytes | Radiograph, *, gate: bool = True) -> Prediction:
        """Read one radiograph: probabilities and maps of all findings.

        Args:
            image: a file, its bytes, or what was read from it.
            gate: reject anything that is not an upright frontal chest radiograph.

        Raises:
            UnreadableImage: the image cannot be read.
            NotAChestRadiograph: it was read, and the gate refuses it.
        """
        radiograph = image if isinstance(image, Radiograph) else read_radiograph(image)
        prediction = self.judge(radiograph, gate=gate)
        if prediction.reason is not None:
            raise NotAChestRadiograph(radiograph.source, prediction.reason, prediction.notes)
        return prediction

    def judge(self, radiograph: Radiograph, *, gate: bool = True) -> Prediction:
        """As `predict`, but what the gate refuses is a prediction of status "refused"."""
        inputs = network_input(radiograph, self.metadata.preprocessing)[None]
        (prediction,) = self.predict_inputs(inputs, [radiograph], gate=gate)
        return prediction

    def predict_inputs(
        self,
        inputs: Float32[np.ndarray, "images 3 size size"],
        radiographs: list[Radiograph],
        *,
        gate: bool = True,
    ) -> list[Prediction]:
        """Predictions for inputs that are preprocessed already, with the radiographs they come from.

        What the gate refuses is a prediction of status "refused".
        """
        logits, maps, kinds = self._outputs(inputs)
        predictions = []
        for index, radiograph in enumerate(radiographs):
            reason: str | None = None
            notes: tuple[str, ...] = (f"{NOT_CHECKED}: the gate is off",)
            if gate:
                reason, notes = self._gate(radiograph, inputs[index], None if kinds is None else kinds[index])
            standing = () if self.metadata.standing is None else (self.metadata.standing,)
            notes = (*radiograph.notes, *notes, *self._seen(radiograph), *standing)
            predictions.append(
                self._prediction(radiograph, logits[index], None if maps is None else maps[index], notes)
                if reason is None
                else Prediction(radiograph.source, "refused", reason, (), self.identity, notes=notes)
            )
        return predictions

    def run(self, inputs: Float32[np.ndarray, "images 3 size size"]) -> Outputs:
        """Raw logits and maps of preprocessed inputs; None where the model has no maps."""
        logits, maps, _ = self._outputs(inputs)
        return logits, maps

    def kinds(
        self, inputs: Float32[np.ndarray, "images 3 size size"]
    ) -> Float32[np.ndarray, "images classes"]:
        """The gate's raw outputs (`GateMetadata.classes`); only of a model file that has a gate."""
        _, _, kinds = self._outputs(inputs)
        if kinds is None:
            raise ValueError(f"{self.path}: it has no gate")
        return kinds

    def _outputs(
        self, inputs: Float32[np.ndarray, "images 3 size size"]
    ) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
        """Logits, maps and the gate's outputs; None for what the model does not have."""
        there = {"logits": True, "maps": self.metadata.maps != "none", "gate": self.metadata.gate is not None}
        names = [name for name, has in there.items() if has]
        outputs = dict(zip(names, self._session.run(names, {"image": inputs}), strict=True))
        return outputs["logits"], outputs.get("maps"), outputs.get("gate")

    def _gate(
        self,
        radiograph: Radiograph,
        image: Float32[np.ndarray, "3 size size"],
        kinds: Float32[np.ndarray, " classes"] | None,
    ) -> tuple[str | None, tuple[str, ...]]:
        """Why the film is refused, or None; and what to note of it."""
        if reason := unfit(radiograph, image, self.metadata.preprocessing):
            return reason, ()
        if self.metadata.gate is None or kinds is None:
            return None, (f"{NOT_CHECKED}: the model file has no gate",)
        if looks := self.metadata.gate.refusal(kinds):
            return explained(looks, radiograph), ()
        _, contradicts = header_says(radiograph)
        return None, tuple(f"{said}, but it looks like a frontal chest radiograph" for said in contradicts)

    def _seen(self, radiograph: Radiograph) -> tuple[str, ...]:
        """A note on an image, or another image of a patient, that the model was trained on."""
        trained_on, patient = self.training_set, radiograph.patient_id
        if trained_on is None:
            return ()
        if any(map(trained_on.has_image, filter(None, (radiograph.source, radiograph.sop_instance_uid)))):
            return (f"{TRAINED_ON} this image, by its name; its probabilities look better than they are",)
        if patient is not None and trained_on.has_patient(patient):
            return (f"{TRAINED_ON} other images of this patient; its probabilities may look too good",)
        return ()

    def _prediction(
        self,
        radiograph: Radiograph,
        logits: Float32[np.ndarray, " findings"],
        maps: Float32[np.ndarray, "findings rows columns"] | None,
        notes: tuple[str, ...],
    ) -> Prediction:
        findings = tuple(
            self._finding(entry, float(logit))
            for entry, logit in zip(self.metadata.findings, logits, strict=True)
        )
        evidence = maps
        if maps is not None and self.metadata.maps == "mean":
            shifted = [
                _evidence(entry, layer, finding.threshold)
                for entry, layer, finding in zip(self.metadata.findings, maps, findings, strict=True)
            ]
            evidence = np.stack(shifted)
        if evidence is not None and radiograph.field is not None:
            evidence = np.stack([self._over_image(layer, radiograph) for layer in evidence])
        return Prediction(
            image=radiograph.source,
            status="ok",
            reason=None,
            findings=findings,
            model=self.identity,
            maps=maps,
            evidence=evidence,
            notes=notes,
            maps_are=self.metadata.maps,
        )

    def _over_image(
        self, layer: Float32[np.ndarray, "rows columns"], radiograph: Radiograph
    ) -> Float32[np.ndarray, "image_rows image_columns"]:
        """The layer over the whole image; a border says nothing for or against a finding."""
        outside = 0.0 if self.metadata.maps == "mean" else float(layer.min())
        return over_image(layer, radiograph, outside)

    def _finding(self, entry: FindingMetadata, logit: float) -> FindingPrediction:
        probability = float(entry.calibration.apply(np.array([logit]))[0])
        threshold = entry.threshold(self.policy)
        return FindingPrediction(
            finding=entry.finding,
            probability=probability,
            score=logit,
            threshold=threshold,
            policy=None if threshold is None else self.policy,
            present=None if threshold is None else probability >= threshold,
            validated=entry.validated,
        )


def load(
    path: str | os.PathLike[str] | None = None,
    *,
    policy: str | None = None,
    threads: int | None = None,
    one_image: bool = False,
) -> Classifier:
    """Load a model file; without a path, the embedded model. See `Classifier`."""
    return Classifier(path, policy=policy, threads=threads, one_image=one_image)


@dataclass(frozen=True)
class Check:
    """One thing that `verify` looked at."""

    what: str
    holds: bool
    measured: str


def verify(path: str | os.PathLike[str] | None = None) -> list[Check]:
    """Check that a model file computes what was trained.

    Raises:
        InvalidModel: the file is not even a complete and consistent model.
    """
    classifier = Classifier(path)
    image = reference_input(classifier.metadata.preprocessing.size)
    logits, maps = classifier.run(np.concatenate([image, -image, 0 * image]))
    alone, _ = classifier.run(image)
    reference = float(np.abs(logits[0] - np.array(classifier.metadata.reference_logits)).max())
    batch = float(np.abs(alone[0] - logits[0]).max())
    checks = []
    if maps is not None and classifier.metadata.maps == "mean":
        bias = np.array([finding.bias for finding in classifier.metadata.findings])
        law = float(np.abs(maps.mean(axis=(2, 3)) + bias - logits).max())
        what = "mean of each map plus its bias is the logit"
        checks.append(Check(what, law <= 1e-4, f"largest difference {law:.1e}"))
    checks += [
        Check(
            "logits of the reference input are those of training",
            reference <= REFERENCE_TOLERANCE,
            f"largest difference {reference:.1e}",
        ),
        Check(
            "an image's logits do not depend on its batch", batch <= 1e-4, f"largest difference {batch:.1e}"
        ),
    ]
    if (gate := classifier.metadata.gate) is not None:
        kinds = classifier.kinds(image)
        off = float(np.abs(kinds[0] - np.array(gate.reference_logits)).max())
        checks.append(
            Check(
                f"gate {gate.sha256[:12]} computes what its own file computes",
                off <= REFERENCE_TOLERANCE,
                f"largest difference {off:.1e}",
            )
        )
    return checks


def _evidence(
    entry: FindingMetadata, layer: Float32[np.ndarray, "rows columns"], threshold: float | None
) -> Float32[np.ndarray, "rows columns"]:
    zero = 0.0
    if threshold is not None and 0 < threshold < 1:
        zero = float(np.log(threshold / (1 - threshold)))
    log_odds = entry.calibration.slope * (layer + entry.bias) + entry.calibration.intercept
    return (log_odds - zero).astype(np.float32)


def _read(path: Path) -> bytes:
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise InvalidModel(f"{path}: a device or a pipe; expected a model file")
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidModel(f"{path}: cannot be read ({error.strerror}); expected a model file") from error


def _session(content: bytes, path: Path, threads: int | None, one_image: bool) -> Any:
    try:
        # Rewriting the graph costs more than it gives back on one image: loading and one image take 121 ms
        # as it is, 139 with the nodes fused, 132 with the convolutions' layout changed too (one core).
        return open_session(content, threads=threads, optimise=not one_image)
    except UnreadableGraph as error:
        raise InvalidModel(
            f"{path}: not a readable ONNX file; expected one that chexnet train wrote"
        ) from error


def _training_set(session: Any, path: Path) -> TrainingSet | None:
    stored = session.get_modelmeta().custom_metadata_map.get(TRAINING_SET_KEY)
    try:
        return None if stored is None else TrainingSet.from_json(stored)
    except ValueError as error:
        raise InvalidModel(f"{path}: {error}") from error


def _metadata(session: Any, path: Path) -> ModelMetadata:
    stored = session.get_modelmeta().custom_metadata_map
    if KEY not in stored:
        raise InvalidModel(
            f"{path}: an ONNX file without the metadata of a chexnet model; export it with train"
        )
    try:
        metadata = ModelMetadata.from_json(stored[KEY])
    except InvalidModel as error:
        raise InvalidModel(f"{path}: {error}") from error
    size = metadata.preprocessing.size
    found = {entry.name: entry.shape[1:] for entry in (*session.get_inputs(), *session.get_outputs())}
    findings = len(metadata.findings)
    expected = {"image": [3, size, size], "logits": [findings]}
    if metadata.maps != "none":
        expected["maps"] = [findings, size // 32, size // 32]
    if metadata.gate is not None:
        expected["gate"] = [len(metadata.gate.classes)]
    if found != expected:
        raise InvalidModel(f"{path}: its graph has {found}; its metadata expect {expected}")
    return metadata
