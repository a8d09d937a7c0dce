"""The node's settings: one TOML file, or the environment, checked before anything starts."""

import dataclasses
import os
import socket
import ssl
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from chexnet.pacs.objects import ObjectSet
from chexnet.pacs.transport import AcceptorLimits, Admission

ENVIRONMENT = "CHEXNET_NODE_"
"""Begins each environment variable; two underscores lead into a section: `LIMITS__IDLE_SECONDS`."""


class InvalidSettings(ValueError):
    """Settings that the node cannot start with; the message names the setting and what was expected."""


@dataclass(frozen=True)
class Tls:
    """Certificates of one side of TLS (1.2 or later).

    Attributes:
        certificate: PEM file of this side; needed to accept.
        key: PEM file of its key.
        authorities: PEM file of those who sign the other side's certificate. Where the node accepts, the
            peer must then show one (mutual TLS); where it sends, the system's own are used without it.
    """

    certificate: Path | None = None
    key: Path | None = None
    authorities: Path | None = None

    def accepting(self) -> ssl.SSLContext:
        """The context of a listener."""
        if self.certificate is None:
            raise InvalidSettings("tls.certificate is missing; expected a PEM file")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._load(context)
        if self.authorities is not None:
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def sending(self) -> ssl.SSLContext:
        """The context of a sender; the other side's name is checked."""
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._load(context)
        return context

    def _load(self, context: ssl.SSLContext) -> None:
        try:
            if self.certificate is not None:
                context.load_cert_chain(self.certificate, self.key)
            if self.authorities is not None:
                context.load_verify_locations(self.authorities)
        except (OSError, ssl.SSLError) as error:
            raise InvalidSettings(f"tls: {error}; expected readable PEM files that fit together") from error


@dataclass(frozen=True)
class Destination:
    """Where results go.

    Attributes:
        name: in the queue, in logs and metrics.
        kind: "dicom" sends by C-STORE, "stow" by STOW-RS.
        host: of a DICOM destination.
        port: of a DICOM destination.
        ae_title: of a DICOM destination.
        url: of a STOW-RS destination, up to and without "/studies".
        header: an HTTP header such as "Authorization: Bearer ...".
        tls: None sends a DICOM destination plain TCP.
        objects: what it gets.
        confirmation: how the node makes sure that it keeps them: "none", "c-find", "commitment" (DICOM) or
            "qido" (STOW-RS).
        confirm_seconds: from sending to asking, and for a report of commitment to arrive.
        retry_days: for so long a transient failure is retried.
        batch: objects sent on one association.
        timeout_seconds: for connecting, and for each answer.
    """

    name: str
    kind: Literal["dicom", "stow"] = "dicom"
    host: str = ""
    port: int = 104
    ae_title: str = ""
    url: str = ""
    header: str = ""
    tls: Tls | None = None
    objects: ObjectSet = ObjectSet()
    confirmation: Literal["none", "c-find", "commitment", "qido"] = "none"
    confirm_seconds: float = 30.0
    retry_days: float = 7.0
    batch: int = 50
    timeout_seconds: float = 30.0

    def __post_init__(self) -> None:
        allowed = ("none", "c-find", "commitment") if self.kind == "dicom" else ("none", "qido")
        if self.confirmation not in allowed:
            expected = ", ".join(allowed)
            raise InvalidSettings(
                f"destination {self.name}: confirmation is {self.confirmation}; expected {expected}"
            )
        if self.kind == "dicom" and not (self.host and self.ae_title):
            raise InvalidSettings(f"destination {self.name}: expected host and ae_title")
        if self.kind == "stow" and not self.url.startswith(("http://", "https://")):
            raise InvalidSettings(f"destination {self.name}: url is {self.url!r}; expected http(s)://...")
        if self.header and ": " not in self.header:
            raise InvalidSettings(f"destination {self.name}: expected header as 'Name: value'")


@dataclass(frozen=True)
class NodeSettings:
    """All of the node's settings.

    Attributes:
        spool: folder of everything that waits; several nodes of one queue share it.
        host: to listen on.
        port: 0 takes any free one.
        ae_title: of the node.
        name: of this node among several; the default is the host's name.
        database: URL of the queue; empty is an SQLite file in the spool.
        model: model file; None is the embedded one.
        policy: operating points; None is the model's own.
        workers: radiographs predicted at a time.
        lease_seconds: after so long without a sign of life another node takes over a task.
        keep_hours: files are kept for so long after the last delivery; dead letters keep theirs.
        least_free_mb: below this much free disk the node answers "out of resources" (A700).
        watched: folder whose files are taken in; None for none.
        monitor_host: of /healthz, /readyz and /metrics.
        monitor_port: 0 takes any free one; -1 is none.
        tls: None accepts plain TCP.
        admission: who may send.
        limits: what senders may take.
        destination: where results go.
    """

    spool: Path
    host: str = "127.0.0.1"
    port: int = 11112
    ae_title: str = "CHEXNET"
    name: str = field(default_factory=socket.gethostname)
    database: str = ""
    model: Path | None = None
    policy: str | None = None
    workers: int = 1
    lease_seconds: float = 300.0
    keep_hours: float = 0.0
    least_free_mb: int = 1000
    watched: Path | None = None
    monitor_host: str = "127.0.0.1"
    monitor_port: int = 8104
    tls: Tls | None = None
    admission: Admission = Admission()
    limits: AcceptorLimits = AcceptorLimits()
    destination: tuple[Destination, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= len(self.ae_title.strip()) <= 16:
            raise InvalidSettings(f"ae_title is {self.ae_title!r}; expected 1 to 16 characters")
        names = [one.name for one in self.destination]
        if len(set(names)) < len(names):
            raise InvalidSettings(f"destinations {', '.join(names)}; expected different names")
        for name in ("workers", "lease_seconds"):
            if not getattr(self, name) > 0:
                raise InvalidSettings(f"{name} is {getattr(self, name)}; expected more than 0")

    @property
    def database_url(self) -> str:
        """Of the queue, as SQLAlchemy takes it."""
        url = self.database or f"sqlite:///{self.spool / 'queue.sqlite'}"
        return url.replace("postgresql://", "postgresql+psycopg://", 1)


def node_settings(file: Path | None, environment: Mapping[str, str] = os.environ) -> NodeSettings:
    """Read the settings; an environment variable goes before the file.

    Raises:
        InvalidSettings: a name that there is not, a value of the wrong type, an impossible value.
    """
    values: dict[str, Any] = {}
    if file is not None:
        try:
            values = tomllib.loads(file.read_text(encoding="utf-8"))
        except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise InvalidSettings(f"{file}: {error}; expected a TOML file") from error
    for name, text in environment.items():
        if name.startswith(ENVIRONMENT):
            *sections, last = name.removeprefix(ENVIRONMENT).lower().split("__")
            place = values
            for section in sections:
                place = place.setdefault(section, {})
            place[last] = _environment_value(text)
    settings: NodeSettings = _built(NodeSettings, values, "")
    return settings


def _environment_value(text: str) -> Any:
    """A TOML value, or else the text itself."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _built(kind: type, values: Any, where: str) -> Any:
    if not isinstance(values, Mapping):
        raise InvalidSettings(f"{where or 'settings'}: expected a table of settings")
    types = get_type_hints(kind)
    fields = {one.name: types[one.name] for one in dataclasses.fields(kind)}
    unknown = sorted(set(values) - set(fields))
    if unknown:
        raise InvalidSettings(f"no setting {_path(where, unknown[0])}; expected {', '.join(sorted(fields))}")
    given = {name: _value(fields[name], value, _path(where, name)) for name, value in values.items()}
    try:
        return kind(**given)
    except TypeError as error:
        missing = str(error).rpartition(": ")[2]
        raise InvalidSettings(f"{where or 'settings'} lacks {missing}") from error
    except InvalidSettings:
        raise
    except ValueError as error:
        raise InvalidSettings(f"{where or 'settings'}: {error}") from error


def _path(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _value(kind: Any, value: Any, where: str) -> Any:
    if isinstance(kind, UnionType):
        (kind,) = (one for one in get_args(kind) if one is not type(None))
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _built(kind, value, where)
    if get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise InvalidSettings(f"{where} is {value!r}; expected a list")
        inner = get_args(kind)[0]
        return tuple(_value(inner, one, f"{where}[{index}]") for index, one in enumerate(value))
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise InvalidSettings(f"{where} is {value!r}; expected {', '.join(get_args(kind))}")
        return value
    if kind is Path and isinstance(value, str):
        return Path(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise InvalidSettings(f"{where} is {value!r}; expected {kind.__name__}")
    return value
