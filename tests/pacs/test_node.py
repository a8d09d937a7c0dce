"""The node as a process, with real peers on both sides."""

import io
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import Comprehensive3DSRStorage, SecondaryCaptureImageStorage
from real_node import RealNode, echo, send, sink_destination
from recording_sink import COMMITMENT, Sink, wait_for
from sources import source

TWO = {str(SecondaryCaptureImageStorage), str(Comprehensive3DSRStorage)}


@pytest.fixture
def sink() -> Iterator[Sink]:
    one = Sink()
    yield one
    one.stop()


def uid_of(content: bytes) -> str:
    return str(dcmread(io.BytesIO(content), stop_before_pixels=True).SOPInstanceUID)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Any]:
    nodes: list[RealNode] = []

    def start(destinations: list[dict[str, Any]], **settings: Any) -> RealNode:
        nodes.append(RealNode(tmp_path / f"node{len(nodes)}", destinations, **settings).start())
        return nodes[-1]

    yield start
    for node in nodes:
        node.stop()


def test_results_arrive_and_nothing_is_kept_after_them(running: Any, sink: Sink) -> None:
    node = running([sink_destination(sink.port)])
    assert echo(node.port) < 1
    content = source("through")
    assert send(node.port, [content]) == [0]
    wait_for(lambda: sink.sources[uid_of(content)] == TWO)
    wait_for(lambda: not list(node.spool.glob("*/*.dcm")))
    (image,) = [row for row in node.listed() if row["what"] == "image"]
    assert image["state"] == "built" and image["outcome"] == "ok"
    assert node.metric("chexnet_node_received_total") == 1
    assert node.metric('chexnet_node_sent_total{destination="sink",outcome="sent"}') == 2
    assert httpx.get(f"http://127.0.0.1:{node.monitor_port}/readyz").status_code == 200
    # The same object again is acknowledged and not predicted again.
    assert send(node.port, [content]) == [0]
    assert node.metric('chexnet_node_not_taken_total{reason="duplicate"}') == 1
    log = node.log.read_text()
    assert '"image done"' in log and "SYNTHETIC" not in log and uid_of(content) not in log


def test_results_that_come_back_are_acknowledged_and_ignored(running: Any, sink: Sink) -> None:
    node = running([sink_destination(sink.port)])
    send(node.port, [source("loop")])
    wait_for(lambda: len(sink.contents) == 2)
    results = [_with_meta(content) for content in sink.contents.values()]
    (dataset,) = [result for result in results if result.Modality == "OT"]
    before = sink.stores
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    assert send(node.port, [buffer.getvalue()], calling="ROUTER") == [0]
    time.sleep(2)
    assert sink.stores == before
    assert node.metric('chexnet_node_not_taken_total{reason="own result"}') == 1
    assert len([row for row in node.listed() if row["what"] == "image"]) == 1


def _with_meta(content: bytes) -> Dataset:
    from pydicom.dataset import FileMetaDataset
    from pydicom.filereader import read_dataset

    dataset = read_dataset(io.BytesIO(content), False, True)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    return dataset


def test_unreadable_and_refused_images_are_taken_and_have_a_status(
    running: Any, sink: Sink, data_dir: Path
) -> None:
    node = running([sink_destination(sink.port)])

    def no_pixels(dataset: Dataset) -> None:
        dataset.Rows = 3

    hip = next((data_dir / "dicom").glob("WG04_RG2_J2KR.dcm")).read_bytes()
    assert send(node.port, [source("bad", no_pixels), hip]) == [0, 0]
    wait_for(lambda: len(node.listed("built")) == 2)
    outcomes = {row["outcome"]: row["reason"] for row in node.listed("built")}
    assert set(outcomes) == {"error", "refused"}
    assert "expected" in outcomes["error"] and "HIP" in outcomes["refused"]
    wait_for(lambda: len(sink.contents) == 1)


@pytest.mark.parametrize(("status", "state"), [(0xA700, "waiting"), (0xC123, "dead")])
def test_failures_are_retried_or_become_dead_letters(running: Any, status: int, state: str) -> None:
    failing = Sink(status=lambda number: status if number <= 2 else 0)
    node = running([sink_destination(failing.port)])
    content = source(f"status {status}")
    send(node.port, [content])
    wait_for(lambda: failing.stores >= 2)
    if state == "dead":
        wait_for(lambda: len(node.listed("dead")) == 2)
        assert f"{status:04X}" in node.listed("dead")[0]["reason"]
        assert node.metric("chexnet_node_dead_letters") == 2
        assert list(node.spool.glob("results/*.dcm"))
        node.work_queue().retry(None, None)
    wait_for(lambda: failing.sources[uid_of(content)] == TWO, step=0.3)
    assert all(len(hashes) == 1 for hashes in failing.hashes.values())
    failing.stop()


def test_a_destination_that_takes_no_3d_sr_is_a_dead_letter_with_its_reason(running: Any) -> None:
    narrow = Sink(without=(Comprehensive3DSRStorage,))
    node = running([sink_destination(narrow.port)])
    send(node.port, [source("narrow")])
    wait_for(lambda: len(node.listed("dead")) == 1)
    assert "context refused" in node.listed("dead")[0]["reason"]
    wait_for(lambda: len(narrow.contents) == 1)
    narrow.stop()


def test_a_destination_that_is_down_gets_all_when_it_is_back(running: Any) -> None:
    first = Sink()
    port = first.port
    first.stop()
    node = running([sink_destination(port)])
    contents = [source(f"down {number}") for number in range(3)]
    assert send(node.port, contents) == [0, 0, 0]
    wait_for(lambda: "destination unreachable" in node.log.read_text())
    assert echo(node.port) < 1
    back = Sink(port=port)
    wait_for(lambda: all(back.sources[uid_of(one)] == TWO for one in contents), 60)
    back.stop()


def test_what_a_query_finds_is_confirmed_and_not_sent_again(running: Any, sink: Sink) -> None:
    node = running([sink_destination(sink.port, confirmation="c-find", confirm_seconds=0.5)])
    send(node.port, [source("query")])
    wait_for(lambda: len(node.listed("confirmed")) == 2)
    assert sink.stores == 2


def test_an_archive_that_loses_a_result_gets_it_again(running: Any, sink: Sink) -> None:
    sink.losing = 1
    node = running([sink_destination(sink.port, confirmation="c-find", confirm_seconds=0.5)])
    send(node.port, [source("lost")])
    wait_for(lambda: len(node.listed("confirmed")) == 2)
    assert sink.stores == 3
    assert all(len(hashes) == 1 for hashes in sink.hashes.values())


@pytest.mark.parametrize("reports", ["late and twice", "with a failure"])
def test_storage_commitment_confirms_or_sends_again(running: Any, sink: Sink, reports: str) -> None:
    from pynetdicom import AE
    from pynetdicom.pdu_primitives import SCP_SCU_RoleSelectionNegotiation

    node_port: list[int] = []
    failed_once: list[str] = []

    def report(request: Dataset) -> None:
        role = SCP_SCU_RoleSelectionNegotiation()
        role.sop_class_uid, role.scu_role, role.scp_role = COMMITMENT, False, True
        information = Dataset()
        information.TransactionUID = request.TransactionUID
        items = list(request.ReferencedSOPSequence)
        if reports == "with a failure" and not failed_once:
            failed_once.append(items[0].ReferencedSOPInstanceUID)
            items[0].FailureReason = 0x0112
            information.FailedSOPSequence = [items.pop(0)]
        information.ReferencedSOPSequence = items
        time.sleep(0.3)
        for _ in range(2):
            entity = AE(ae_title="SINK")
            entity.add_requested_context(COMMITMENT)
            association = entity.associate("127.0.0.1", node_port[0], ae_title="CHEXNET", ext_neg=[role])
            assert association.is_established
            event_type = 2 if "FailedSOPSequence" in information else 1
            status, _ = association.send_n_event_report(
                information, event_type, COMMITMENT, "1.2.840.10008.1.20.1.1"
            )
            statuses.append(status.Status)
            association.release()

    statuses: list[int] = []
    sink.on_commit = report
    node = running([sink_destination(sink.port, confirmation="commitment", confirm_seconds=5)])
    node_port.append(node.port)
    send(node.port, [source("commitment")])
    wait_for(lambda: len(node.listed("confirmed")) == 2, 40)
    wait_for(lambda: len(statuses) >= 2)
    assert set(statuses) == {0}
    assert sink.stores == (2 if reports == "late and twice" else 3)
    assert all(len(hashes) == 1 for hashes in sink.hashes.values())


def test_each_destination_has_its_own_objects(running: Any, sink: Sink) -> None:
    other = Sink()
    node = running(
        [
            sink_destination(sink.port),
            {
                **sink_destination(other.port, objects={"report": "comprehensive", "capture": False}),
                "name": "other",
            },
        ]
    )
    content = source("two sinks")
    send(node.port, [content])
    wait_for(lambda: sink.sources[uid_of(content)] == TWO)
    wait_for(lambda: other.sources[uid_of(content)] == {"1.2.840.10008.5.1.4.1.1.88.33"})
    other.stop()


def test_files_of_a_watched_folder_are_taken_when_their_name_is_final(
    running: Any, sink: Sink, tmp_path: Path
) -> None:
    folder = tmp_path / "watched"
    folder.mkdir()
    running([sink_destination(sink.port)], watched=str(folder))
    content = source("watched")
    partial = folder / "one.dcm.part"
    partial.write_bytes(content)
    time.sleep(1.5)
    assert partial.exists() and not sink.contents
    partial.rename(folder / "one.dcm")
    wait_for(lambda: sink.sources[uid_of(content)] == TWO)
    assert not list(folder.iterdir())


def test_a_new_version_of_an_image_gives_a_report_that_names_the_earlier_one(
    running: Any, sink: Sink
) -> None:
    node = running([sink_destination(sink.port)])
    first = source("versions")
    send(node.port, [first])
    wait_for(lambda: len(sink.contents) == 2)

    def corrected(dataset: Dataset) -> None:
        dataset.PatientName = "Corrected^Name"

    changed = source("versions", corrected)
    assert uid_of(changed) == uid_of(first)
    send(node.port, [changed])
    wait_for(lambda: len(sink.contents) == 4)
    named = [one for one in sink.contents.values() if b"Corrected" in one]
    reports = [_with_meta(one) for one in named]
    (report,) = [one for one in reports if one.Modality == "SR"]
    assert len(report.PredecessorDocumentsSequence) == 1


def test_several_associations_at_once_are_all_served(running: Any, sink: Sink) -> None:
    node = running([sink_destination(sink.port)])
    contents = [source(f"parallel {number}") for number in range(8)]
    answers: list[Any] = [None] * 4
    threads = [
        threading.Thread(
            target=lambda place=place: answers.__setitem__(
                place, send(node.port, contents[2 * place : 2 * place + 2])
            )
        )
        for place in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [[0, 0]] * 4
    wait_for(lambda: all(sink.sources[uid_of(one)] == TWO for one in contents), 60)
