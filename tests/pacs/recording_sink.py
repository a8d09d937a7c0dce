"""An archive that keeps a hash of every C-STORE it ever got, and can behave badly."""

import hashlib
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from pydicom.uid import (
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    EnhancedSRStorage,
    GrayscaleSoftcopyPresentationStateStorage,
    SecondaryCaptureImageStorage,
)
from pynetdicom import AE, evt

RESULTS = (
    SecondaryCaptureImageStorage,
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    EnhancedSRStorage,
    GrayscaleSoftcopyPresentationStateStorage,
)

VERIFICATION = "1.2.840.10008.1.1"
FIND = "1.2.840.10008.5.1.4.1.2.2.1"
COMMITMENT = "1.2.840.10008.1.20.1"


class Sink:
    """Listens on a free port of the loopback.

    Args:
        status: called with the number of this store; the status to answer. None keeps and answers 0.
        without: SOP classes that it does not take.
        port: 0 takes any free one.

    Attributes:
        losing: so many queries are answered with nothing.
    """

    def __init__(
        self, status: Callable[[int], int] | None = None, without: tuple[str, ...] = (), port: int = 0
    ) -> None:
        self.hashes: dict[str, set[str]] = defaultdict(set)
        self.sources: dict[str, set[str]] = defaultdict(set)
        self.contents: dict[str, bytes] = {}
        self.stores = 0
        self.losing = 0
        self._status = status
        self._lock = threading.Lock()
        self.on_commit: Callable[[Any], Any] | None = None
        self._entity = AE(ae_title="SINK")
        for uid in RESULTS:
            if uid not in without:
                self._entity.add_supported_context(uid)
        for uid in (VERIFICATION, FIND, COMMITMENT):
            self._entity.add_supported_context(uid)
        self._entity.maximum_associations = 100
        handlers = [
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_C_FIND, self._find),
            (evt.EVT_N_ACTION, self._act),
        ]
        self._server = self._entity.start_server(("127.0.0.1", port), block=False, evt_handlers=handlers)
        self.port: int = self._server.server_address[1]

    def stop(self) -> None:
        self._server.shutdown()

    def _store(self, event: evt.Event) -> int:
        with self._lock:
            self.stores += 1
            number = self.stores
        status = 0 if self._status is None else self._status(number)
        if status == 0:
            content = event.request.DataSet.getvalue()
            dataset = event.dataset
            uid = str(event.request.AffectedSOPInstanceUID)
            with self._lock:
                self.hashes[uid].add(hashlib.sha256(content).hexdigest())
                self.contents[uid] = content
                self.sources[_source(dataset)].add(str(dataset.SOPClassUID))
        return status

    def _find(self, event: evt.Event) -> Any:
        uid = str(event.identifier.SOPInstanceUID)
        if self.losing:
            self.losing -= 1
        elif uid in self.hashes:
            yield 0xFF00, event.identifier

    def _act(self, event: evt.Event) -> Any:
        if self.on_commit is not None:
            threading.Thread(target=self.on_commit, args=(event.action_information,), daemon=True).start()
        return 0, None


def _source(dataset: Any) -> str:
    """The image that a result is of."""
    if "SourceImageSequence" in dataset:
        return str(dataset.SourceImageSequence[0].ReferencedSOPInstanceUID)
    evidence = dataset.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0]
    return str(evidence.ReferencedSOPSequence[0].ReferencedSOPInstanceUID)


def wait_for(condition: Callable[[], Any], seconds: float = 30, step: float = 0.1) -> None:
    """Until the condition holds; fails after so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(step)
