"""`chexnet node doctor`: does what the settings promise work, from here, now?"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydicom.uid import (
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    EnhancedSRStorage,
    GrayscaleSoftcopyPresentationStateStorage,
    SecondaryCaptureImageStorage,
)
from pynetdicom.presentation import build_context
from sqlalchemy.exc import SQLAlchemyError

from chexnet.classifier import InvalidModel, load
from chexnet.pacs.node.confirmation import COMMITMENT
from chexnet.pacs.node.node_settings import Destination, InvalidSettings, NodeSettings
from chexnet.pacs.node.spool import Spool
from chexnet.pacs.node.transmission import (
    EXPLICIT_LITTLE_ENDIAN,
    Unreachable,
    association_with,
    web_client,
)
from chexnet.pacs.node.work_queue import work_queue


@dataclass(frozen=True)
class Examined:
    """One thing that was looked at.

    Attributes:
        what: in words.
        holds: whether it is as it should be.
        seen: what was seen.
    """

    what: str
    holds: bool
    seen: str


def examine(settings: NodeSettings) -> Iterator[Examined]:
    """Look at disk, queue, model, TLS and every destination; nothing is sent but echoes."""
    yield _spool(settings)
    yield _queue(settings)
    yield _model(settings)
    if settings.tls is not None:
        yield _tls(settings)
    for destination in settings.destination:
        yield from _destination(destination, settings.ae_title)
    if not settings.destination:
        yield Examined("destinations", False, "none; results would go nowhere")


def _spool(settings: NodeSettings) -> Examined:
    try:
        spool = Spool(settings.spool, "doctor")
        began = time.perf_counter()
        unfinished = spool.begin()
        unfinished.file.write(b"doctor")
        spool.remove(unfinished.keep())
        took = 1000 * (time.perf_counter() - began)
    except OSError as error:
        return Examined("spool", False, str(error))
    free = spool.free_mb()
    return Examined(
        "spool", free > settings.least_free_mb, f"{free:.0f} MB free, durable write {took:.1f} ms"
    )


def _queue(settings: NodeSettings) -> Examined:
    try:
        queue = work_queue(settings.database_url)
        counts = queue.counts()
        queue.close()
    except SQLAlchemyError as error:
        return Examined("queue", False, str(error).splitlines()[0])
    return Examined("queue", True, f"{sum(counts.values())} rows")


def _model(settings: NodeSettings) -> Examined:
    try:
        identity = load(settings.model, policy=settings.policy, one_image=True).identity
    except (InvalidModel, OSError) as error:
        return Examined("model", False, str(error))
    return Examined("model", True, f"{identity.name} {identity.version}, sha256 {identity.sha256[:12]}")


def _tls(settings: NodeSettings) -> Examined:
    assert settings.tls is not None
    try:
        settings.tls.accepting()
    except InvalidSettings as error:
        return Examined("tls", False, str(error))
    mutual = "mutual" if settings.tls.authorities else "without certificates of peers"
    return Examined("tls", True, mutual)


def _destination(destination: Destination, calling: str) -> Iterator[Examined]:
    what = f"destination {destination.name}"
    try:
        if destination.kind == "stow":
            yield _web(destination, what)
            return
        contexts = [build_context("1.2.840.10008.1.1"), *_wanted_contexts(destination)]
        association = association_with(destination, calling, contexts)
    except (Unreachable, InvalidSettings) as error:
        yield Examined(what, False, str(error))
        return
    try:
        status = association.send_c_echo().get("Status")
        yield Examined(f"{what}: C-ECHO", status == 0, f"status {status}")
        accepted = {context.abstract_syntax for context in association.accepted_contexts}
        for context in contexts[1:]:
            uid = context.abstract_syntax
            taken = uid in accepted
            yield Examined(f"{what}: {uid.name}", taken, "accepted" if taken else "refused")
    finally:
        association.release()


def _wanted_contexts(destination: Destination) -> list[Any]:
    objects = destination.objects
    classes = [SecondaryCaptureImageStorage] if objects.capture else []
    if objects.report != "none":
        measured = ComprehensiveSRStorage if objects.report == "comprehensive" else Comprehensive3DSRStorage
        classes += [measured, EnhancedSRStorage]
    if objects.presentation_state:
        classes.append(GrayscaleSoftcopyPresentationStateStorage)
    contexts: list[Any] = [build_context(uid, EXPLICIT_LITTLE_ENDIAN) for uid in classes]
    if destination.confirmation == "commitment":
        contexts.append(build_context(COMMITMENT))
    return contexts


def _web(destination: Destination, what: str) -> Examined:
    import httpx

    try:
        with web_client(destination) as client:
            status = client.get("studies", params={"limit": 1}).status_code
    except httpx.HTTPError as error:
        return Examined(what, False, f"{type(error).__name__}: {error}")
    return Examined(f"{what}: QIDO-RS", status in (200, 204), f"HTTP {status}")
