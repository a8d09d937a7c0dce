"""What the node does with an object that arrives: disk, queue row, then Success."""

import hashlib
import io
import logging
import time
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import UID
from sqlalchemy.exc import SQLAlchemyError

from chexnet.pacs.node.measures import Measures
from chexnet.pacs.node.spool import Spool, Unfinished
from chexnet.pacs.node.work_queue import Arrival, WorkQueue
from chexnet.pacs.objects import INSTANCE_CREATOR_UID, is_own_result
from chexnet.pacs.objects.identifiers import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION
from chexnet.pacs.transport import Peer, Reception
from chexnet.pacs.transport.commands import (
    C_STORE,
    CANNOT_UNDERSTAND,
    CLASS_NOT_SUPPORTED,
    OUT_OF_RESOURCES,
    SUCCESS,
    UNRECOGNIZED_OPERATION,
    Command,
)
from chexnet.pacs.transport.upper_layer import ACCEPTED, NO_ABSTRACT_SYNTAX, NO_TRANSFER_SYNTAX
from chexnet.radiograph.dicom import PARSER_FAILURES, pydicom_muted

_log = logging.getLogger("chexnet.pacs")

VERIFICATION = "1.2.840.10008.1.1"
IMAGES = (
    "1.2.840.10008.5.1.4.1.1.1",
    "1.2.840.10008.5.1.4.1.1.1.1",
    "1.2.840.10008.5.1.4.1.1.1.1.1",
    "1.2.840.10008.5.1.4.1.1.7",
)
"""CR, DX for presentation and for processing, Secondary Capture: most public chest images are the last."""

UNCOMPRESSED = ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2")
READABLE = (
    *UNCOMPRESSED,
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.5",
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.51",
    "1.2.840.10008.1.2.4.57",
    "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.81",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.91",
)
"""Transfer syntaxes that `read_radiograph` decodes."""

MOST_OBJECT_BYTES = 512 * 2**20
_COMMITMENT = "1.2.840.10008.1.20.1"


class Intake:
    """Takes objects in. A failure status makes routers retry for ever, so only a full disk is one.

    Args:
        spool: where bytes go.
        queue: where rows go.
        measures: what is counted.
        least_free_mb: below it, objects are refused with A700.
        reports: takes reports of storage commitment; None where no destination sends any.
    """

    def __init__(
        self,
        spool: Spool,
        queue: WorkQueue,
        measures: Measures,
        *,
        least_free_mb: float,
        commitment: bool = False,
    ) -> None:
        self.spool = spool
        self.queue = queue
        self.measures = measures
        self._least_free_mb = least_free_mb
        self._commitment = commitment

    def accepts(self, abstract_syntax: str, transfer_syntaxes: tuple[str, ...]) -> tuple[int, str]:
        """The sender's first syntax that can be read; uncompressed ones come last, as they cost most."""
        if abstract_syntax in IMAGES:
            readable = [syntax for syntax in transfer_syntaxes if syntax in READABLE]
            readable.sort(key=UNCOMPRESSED.__contains__)
        elif abstract_syntax == VERIFICATION or (abstract_syntax == _COMMITMENT and self._commitment):
            readable = [syntax for syntax in transfer_syntaxes if syntax in UNCOMPRESSED[:2]]
        else:
            return NO_ABSTRACT_SYNTAX, transfer_syntaxes[0]
        return (ACCEPTED, readable[0]) if readable else (NO_TRANSFER_SYNTAX, transfer_syntaxes[0])

    def begin(self, command: Command, abstract_syntax: str, transfer_syntax: str, peer: Peer) -> Reception:
        """Decide by the command alone whether its data set is kept."""
        if abstract_syntax == _COMMITMENT:
            return _Report(self, transfer_syntax)
        if command.field != C_STORE:
            return _Unwanted(UNRECOGNIZED_OPERATION)
        if abstract_syntax not in IMAGES or command.sop_class != abstract_syntax:
            self.measures.not_taken("foreign class")
            return _Unwanted(CLASS_NOT_SUPPORTED)
        if self.spool.free_mb() < self._least_free_mb:
            self.measures.not_taken("disk limit")
            _log.error("disk limit reached", extra={"free_mb": round(self.spool.free_mb())})
            return _Unwanted(OUT_OF_RESOURCES)
        return _Image(self, command, transfer_syntax, peer)

    def take_file(self, path: Path) -> int:
        """Take a DICOM file in as if it were sent; the status."""
        content = path.read_bytes()
        try:
            with pydicom_muted():
                header = dcmread(io.BytesIO(content), force=True, specific_tags=["SOPInstanceUID"])
            instance = str(header.get("SOPInstanceUID") or "")
        except PARSER_FAILURES:
            instance = ""
        unfinished = self.spool.begin()
        unfinished.file.write(content)
        return self.finish(unfinished, hashlib.sha256(content).hexdigest(), len(content), instance, "folder")

    def finish(self, unfinished: Unfinished, sha256: str, size: int, instance: str, calling: str) -> int:
        """Make a received file durable and queue it, unless this software made it."""
        if self._is_own(unfinished, instance):
            unfinished.discard()
            self.measures.not_taken("own result")
            _log.info("own result ignored", extra={"calling": calling})
            return SUCCESS
        file = unfinished.keep()
        arrival = Arrival(instance[:64], sha256, file, size, calling[:64], float(int(time.time())))
        if not self.queue.add(arrival):
            self.spool.remove(file)
            self.measures.not_taken("duplicate")
            return SUCCESS
        self.measures.received(calling, size)
        _log.info("image received", extra={"calling": calling, "bytes": size})
        return SUCCESS

    def _is_own(self, unfinished: Unfinished, instance: str) -> bool:
        unfinished.file.flush()
        path = Path(unfinished.file.name)
        try:
            with pydicom_muted(), path.open("rb") as file:
                header = dcmread(
                    file,
                    force=True,
                    stop_before_pixels=True,
                    specific_tags=["InstanceCreatorUID", "Manufacturer"],
                )
                return is_own_result(header) or self.queue.is_result(instance)
        except PARSER_FAILURES:
            # Unreadable: kept, and said to be so when it is predicted.
            return INSTANCE_CREATOR_UID.encode() in path.read_bytes()[:65536]


class _Unwanted:
    """A data set that is read and forgotten."""

    def __init__(self, status: int) -> None:
        self._status = status

    def write(self, content: memoryview) -> None:
        pass

    def finish(self) -> int:
        return self._status

    def discard(self) -> None:
        pass


class _Image:
    """An image on its way to the disk."""

    def __init__(self, intake: Intake, command: Command, transfer_syntax: str, peer: Peer) -> None:
        self._intake = intake
        self._instance = command.sop_instance
        self._calling = peer.calling
        self._digest = hashlib.sha256(transfer_syntax.encode())
        self._bytes = 0
        self._failed: int | None = None
        self._unfinished: Unfinished | None = None
        try:
            self._unfinished = intake.spool.begin()
            self._unfinished.file.write(_file_head(command, transfer_syntax, peer))
        except OSError as error:
            self._fail(error)

    def write(self, content: memoryview) -> None:
        if self._failed is not None or self._unfinished is None:
            return
        self._bytes += len(content)
        if self._bytes > MOST_OBJECT_BYTES:
            self._intake.measures.not_taken("too large")
            self._drop(CANNOT_UNDERSTAND)
            return
        self._digest.update(content)
        try:
            self._unfinished.file.write(content)
        except OSError as error:
            self._fail(error)

    def finish(self) -> int:
        if self._failed is not None or self._unfinished is None:
            return self._failed or OUT_OF_RESOURCES
        try:
            return self._intake.finish(
                self._unfinished, self._digest.hexdigest(), self._bytes, self._instance, self._calling
            )
        except (OSError, SQLAlchemyError) as error:
            self._fail(error)
            return OUT_OF_RESOURCES

    def discard(self) -> None:
        if self._unfinished is not None:
            self._unfinished.discard()

    def _fail(self, error: Exception) -> None:
        """The disk or the database does not take it: the sender must keep it, and try again."""
        self._intake.measures.not_taken("storage failure")
        _log.error("storage failure", extra={"reason": f"{type(error).__name__}: {error}"[:300]})
        self._drop(OUT_OF_RESOURCES)

    def _drop(self, status: int) -> None:
        self._failed = status
        if self._unfinished is not None:
            try:
                self._unfinished.discard()
            except OSError:
                _log.warning("an unfinished file could not be removed")


class _Report:
    """A report of storage commitment (PS3.4 J.3.3)."""

    def __init__(self, intake: Intake, transfer_syntax: str) -> None:
        self._intake = intake
        self._implicit = transfer_syntax == "1.2.840.10008.1.2"
        self._content = bytearray()

    def write(self, content: memoryview) -> None:
        if len(self._content) < 16 * 2**20:
            self._content += content

    def finish(self) -> int:
        from chexnet.pacs.node.confirmation import report_taken

        return report_taken(self._intake.queue, bytes(self._content), self._implicit)

    def discard(self) -> None:
        pass


def _file_head(command: Command, transfer_syntax: str, peer: Peer) -> bytes:
    """Preamble and file meta information (PS3.10 7.1)."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(command.sop_class)
    meta.MediaStorageSOPInstanceUID = UID(command.sop_instance[:64])
    meta.TransferSyntaxUID = UID(transfer_syntax)
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION
    meta.SourceApplicationEntityTitle = peer.calling.encode("ascii", "replace").decode()[:16]
    buffer = DicomBytesIO()
    buffer.write(b"\0" * 128 + b"DICM")
    with pydicom_muted():
        write_file_meta_info(buffer, meta, enforce_standard=False)
    return buffer.getvalue()
