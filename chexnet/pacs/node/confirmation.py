"""Whether a destination still has what it acknowledged: C-FIND, QIDO-RS or storage commitment."""

import io
import logging
from collections.abc import Sequence

import httpx
from pydicom import Dataset
from pydicom.filereader import read_dataset
from pydicom.sequence import Sequence as Items
from pynetdicom.presentation import build_context
from sqlalchemy.exc import SQLAlchemyError

from chexnet.pacs.node.node_settings import Destination
from chexnet.pacs.node.transmission import Unreachable, association_with, web_client
from chexnet.pacs.node.work_queue import Delivery, WorkQueue
from chexnet.pacs.objects.identifiers import derived_uid
from chexnet.pacs.transport.commands import CANNOT_UNDERSTAND, OUT_OF_RESOURCES, SUCCESS
from chexnet.radiograph.dicom import PARSER_FAILURES

_log = logging.getLogger("chexnet.pacs")

_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
COMMITMENT = "1.2.840.10008.1.20.1"
_COMMITMENT_INSTANCE = "1.2.840.10008.1.20.1.1"


def found(destination: Destination, calling: str, batch: Sequence[Delivery]) -> dict[int, bool]:
    """Whether the destination has each object, by delivery.

    Raises:
        Unreachable: it cannot be asked.
    """
    if destination.confirmation == "qido":
        with web_client(destination) as client:
            return {delivery.id: _has_by_web(client, delivery) for delivery in batch}
    association = association_with(
        destination, calling, [build_context(_FIND, ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2"])]
    )
    try:
        return {delivery.id: _has_by_query(association, delivery) for delivery in batch}
    finally:
        association.release()


def _has_by_web(client: httpx.Client, delivery: Delivery) -> bool:
    try:
        response = client.get(
            f"studies/{delivery.study_uid}/instances",
            params={"SOPInstanceUID": delivery.sop_instance_uid},
            headers={"Accept": "application/dicom+json"},
        )
    except httpx.HTTPError as error:
        raise Unreachable(f"{type(error).__name__}: {error}") from error
    if response.status_code in (204, 404):
        return False
    if response.status_code != 200:
        raise Unreachable(f"HTTP {response.status_code} to QIDO-RS")
    return delivery.sop_instance_uid in response.text


def _has_by_query(association: object, delivery: Delivery) -> bool:
    query = Dataset()
    query.QueryRetrieveLevel = "IMAGE"
    query.StudyInstanceUID = delivery.study_uid
    query.SeriesInstanceUID = delivery.series_uid
    query.SOPInstanceUID = delivery.sop_instance_uid
    matches, last = 0, None
    for status, identifier in association.send_c_find(query, _FIND):  # type: ignore[attr-defined]
        last = status.get("Status")
        if identifier is not None:
            matches += str(identifier.get("SOPInstanceUID", "")) == delivery.sop_instance_uid
    if last != 0:
        raise Unreachable("C-FIND was not answered with success")
    return matches > 0


def ask_to_commit(queue: WorkQueue, destination: Destination, calling: str, batch: Sequence[Delivery]) -> str:
    """Ask for storage commitment (N-ACTION); the report comes on this association or on a new one.

    Returns:
        The transaction under which the destination reports.

    Raises:
        Unreachable: it cannot be asked, or does not take the request.
    """
    transaction = derived_uid("commitment", *[f"{one.id} {one.attempts}" for one in batch], destination.name)
    queue.asked(batch, transaction, destination.confirm_seconds)
    request = Dataset()
    request.TransactionUID = transaction
    request.ReferencedSOPSequence = Items([_reference(delivery) for delivery in batch])
    from pynetdicom import evt

    def report(event: evt.Event) -> int:
        return _taken(queue, event.event_information)

    association = association_with(
        destination, calling, [build_context(COMMITMENT)], evt_handlers=[(evt.EVT_N_EVENT_REPORT, report)]
    )
    try:
        status, _ = association.send_n_action(request, 1, COMMITMENT, _COMMITMENT_INSTANCE)
        if status.get("Status") != 0:
            raise Unreachable(f"storage commitment was answered with {status.get('Status')}")
        association.join(timeout=1)
    finally:
        if association.is_established:
            association.release()
    return transaction


def _reference(delivery: Delivery) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = delivery.sop_class_uid
    item.ReferencedSOPInstanceUID = delivery.sop_instance_uid
    return item


def report_taken(queue: WorkQueue, content: bytes, implicit: bool) -> int:
    """Take in an N-EVENT-REPORT's data set; the status to answer."""
    try:
        report = read_dataset(io.BytesIO(content), implicit, True)
        return _taken(queue, report)
    except PARSER_FAILURES:
        return CANNOT_UNDERSTAND


def _taken(queue: WorkQueue, report: Dataset) -> int:
    kept, failed = (
        [str(item.ReferencedSOPInstanceUID) for item in report.get(keyword) or []]
        for keyword in ("ReferencedSOPSequence", "FailedSOPSequence")
    )
    try:
        news = queue.reported(str(report.get("TransactionUID", "")), kept, failed)
    except SQLAlchemyError:
        return OUT_OF_RESOURCES
    _log.info("storage commitment reported", extra={"kept": len(kept), "failed": len(failed), "news": news})
    return SUCCESS
