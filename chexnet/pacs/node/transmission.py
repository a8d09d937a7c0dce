"""Sending results: C-STORE as SCU, or STOW-RS; what each answer means for the queue."""

import io
import json
import ssl
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import httpx
from pydicom import dcmread
from pynetdicom import AE
from pynetdicom.presentation import build_context

from chexnet.pacs.node.node_settings import Destination
from chexnet.pacs.node.spool import Spool
from chexnet.pacs.node.work_queue import Delivery
from chexnet.pacs.objects.identifiers import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION
from chexnet.pacs.transport.commands import CANNOT_UNDERSTAND

EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"


class Unreachable(Exception):
    """The destination itself fails, not an object: connection, association, authentication."""


@dataclass(frozen=True)
class Answer:
    """What became of one object.

    Attributes:
        outcome: "sent"; "transient", to be tried again; "permanent", for the dead letters.
        reason: the status and what it says.
    """

    outcome: Literal["sent", "transient", "permanent"]
    reason: str = ""


@runtime_checkable
class Transmission(Protocol):
    """A way to send."""

    def send(self, batch: Sequence[Delivery]) -> Iterator[tuple[Delivery, Answer]]:
        """Send in order, with an answer to each.

        Raises:
            Unreachable: from here on no object of the batch was tried.
        """


def transmission(destination: Destination, spool: Spool, calling: str) -> Transmission:
    """The way to a destination."""
    if destination.kind == "stow":
        return _Stow(destination, spool)
    return _Store(destination, spool, calling)


def association_with(destination: Destination, calling: str, contexts: list[Any], **options: Any) -> Any:
    """An established association.

    Raises:
        Unreachable: it cannot be had.
    """
    entity = AE(ae_title=calling)
    entity.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    entity.implementation_version_name = IMPLEMENTATION_VERSION
    for timeout in ("acse_timeout", "dimse_timeout", "network_timeout", "connection_timeout"):
        setattr(entity, timeout, destination.timeout_seconds)
    tls = (destination.tls.sending(), destination.host) if destination.tls is not None else None
    try:
        association = entity.associate(
            destination.host,
            destination.port,
            contexts=contexts,
            ae_title=destination.ae_title,
            tls_args=tls,
            **options,
        )
    except (OSError, ssl.SSLError) as error:
        raise Unreachable(f"{type(error).__name__}: {error}") from error
    if not association.is_established:
        why = "rejected" if association.is_rejected else "not answered"
        raise Unreachable(f"association {why}")
    return association


class _Store:
    """C-STORE: one association for a batch."""

    def __init__(self, destination: Destination, spool: Spool, calling: str) -> None:
        self._destination = destination
        self._spool = spool
        self._calling = calling

    def send(self, batch: Sequence[Delivery]) -> Iterator[tuple[Delivery, Answer]]:
        classes = sorted({delivery.sop_class_uid for delivery in batch})
        contexts = [build_context(sop_class, EXPLICIT_LITTLE_ENDIAN) for sop_class in classes]
        association = association_with(self._destination, self._calling, contexts)
        accepted = {context.abstract_syntax for context in association.accepted_contexts}
        try:
            for number, delivery in enumerate(batch, start=1):
                if delivery.sop_class_uid not in accepted:
                    yield delivery, Answer("permanent", "presentation context refused for this SOP class")
                    continue
                if not association.is_established:
                    raise Unreachable("association lost")
                yield delivery, self._store(association, delivery, number)
        finally:
            if association.is_established:
                association.release()
            else:
                association.abort()

    def _store(self, association: Any, delivery: Delivery, number: int) -> Answer:
        dataset = dcmread(io.BytesIO(self._spool.read(delivery.file)))
        try:
            status = association.send_c_store(dataset, msg_id=number % 65535 + 1)
        except (RuntimeError, ValueError, OSError) as error:
            raise Unreachable(f"{type(error).__name__}: {error}") from error
        if "Status" not in status:
            raise Unreachable("no answer to C-STORE")
        return meaning(int(status.Status))


def meaning(status: int) -> Answer:
    """What a status of C-STORE says (PS3.4 B.2.3, PS3.7 annex C)."""
    reason = f"status {status:04X}"
    if status == 0 or status & 0xF000 == 0xB000 or status in (0x0001, 0x0107, 0x0116):
        return Answer("sent", "" if status == 0 else reason)
    if status & 0xFF00 == 0xA700 or status == 0x0110:
        return Answer("transient", reason)
    return Answer("permanent", reason)


class _Stow:
    """STOW-RS (PS3.18 10.5): one object in a request, so that its answer is about that object."""

    def __init__(self, destination: Destination, spool: Spool) -> None:
        self._destination = destination
        self._spool = spool

    def send(self, batch: Sequence[Delivery]) -> Iterator[tuple[Delivery, Answer]]:
        with web_client(self._destination) as client:
            for delivery in batch:
                yield delivery, self._store(client, delivery)

    def _store(self, client: httpx.Client, delivery: Delivery) -> Answer:
        boundary = uuid.uuid4().hex
        content = self._spool.read(delivery.file)
        head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        try:
            response = client.post(
                "studies",
                content=head + content + f"\r\n--{boundary}--\r\n".encode(),
                headers={
                    "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
                    "Accept": "application/dicom+json",
                },
            )
        except httpx.HTTPError as error:
            raise Unreachable(f"{type(error).__name__}: {error}") from error
        if response.status_code in (401, 403, 404, 407, 408, 429) or response.status_code >= 500:
            raise Unreachable(f"HTTP {response.status_code}")
        return stored(response.status_code, response.content)


def stored(http_status: int, body: bytes) -> Answer:
    """What a STOW-RS response says of its one object: Failed SOP Sequence goes before the HTTP status."""
    failure = _failure_reason(body)
    if failure is not None:
        answer = meaning(failure)
        return Answer(answer.outcome if answer.outcome != "sent" else "permanent", answer.reason)
    if http_status in (200, 202):
        return Answer("sent", "" if http_status == 200 else "HTTP 202")
    return Answer("permanent", f"HTTP {http_status}")


def _failure_reason(body: bytes) -> int | None:
    """(0008,1197) of the first item of (0008,1198) Failed SOP Sequence; C000 where an item gives none.

    None where the sequence is missing or empty, as archives send it with every success.
    """
    try:
        failed = json.loads(body).get("00081198", {}).get("Value")
    except (ValueError, AttributeError):
        return None
    if not failed:
        return None
    try:
        return int(failed[0]["00081197"]["Value"][0])
    except (KeyError, IndexError, TypeError, ValueError):
        return CANNOT_UNDERSTAND


def web_client(destination: Destination) -> httpx.Client:
    """A client of the destination's DICOMweb service."""
    headers = dict([destination.header.split(": ", 1)]) if destination.header else {}
    verify = destination.tls.sending() if destination.tls is not None else True
    return httpx.Client(
        base_url=destination.url.rstrip("/") + "/",
        headers=headers,
        timeout=destination.timeout_seconds,
        verify=verify,
    )
