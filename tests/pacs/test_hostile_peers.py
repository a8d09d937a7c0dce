"""Peers that are silent, slow, lying or broken: others are served, and memory stays bounded."""

import io
import random
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pynetdicom import AE
from pynetdicom.presentation import build_context
from real_node import RealNode, echo, send
from recording_sink import wait_for
from sources import EXAMPLE, small_source, source

SOON = 5.0
"""Seconds within which a C-ECHO must be answered; a shared machine is slow at times. Quiet, it takes 0.05."""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealNode]:
    one = RealNode(tmp_path_factory.mktemp("hostile"), [], limits={"artim_seconds": 20, "idle_seconds": 20})
    yield one.start()
    one.stop()


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def test_two_hundred_idle_connections_keep_nobody_out(node: RealNode) -> None:
    idle = [connected(node.port) for _ in range(200)]
    assert echo(node.port, SOON) < SOON
    assert send(node.port, [source("among idle ones")]) == [0]
    for one in idle:
        one.close()


def test_more_connections_than_the_limit_push_the_oldest_out(node: RealNode) -> None:
    idle = [connected(node.port) for _ in range(560)]
    assert echo(node.port, SOON) < SOON
    wait_for(lambda: node.metric('chexnet_node_connections_total{end="pushed out"}') >= 40)
    for one in idle:
        one.close()


def test_a_declared_pdu_of_two_gigabytes_is_refused_before_it_is_read(node: RealNode) -> None:
    before = node.memory_mb()
    for kind in (1, 4):
        one = connected(node.port)
        one.sendall(struct.pack(">BxI", kind, 2**31))
        with suppress(OSError):
            for _ in range(64):
                one.sendall(b"\0" * 2**20)
        one.close()
    assert echo(node.port, SOON) < SOON
    assert node.memory_mb() < before + 40


def test_many_large_objects_at_once_stay_within_the_memory_bound(node: RealNode) -> None:
    """Sixteen associations with the largest PDU that is taken: at most eight times 128 KiB for each."""

    def large(dataset: Any) -> None:
        dataset.decompress()
        dataset.private_block(0x0011, "TEST", create=True).add_new(1, "OB", bytes(20 * 2**20))

    content = source("large", large)
    before = node.memory_mb()
    threads = [threading.Thread(target=send, args=(node.port, [content])) for _ in range(8)]
    for thread in threads:
        thread.start()
    peak = before
    while any(thread.is_alive() for thread in threads):
        peak = max(peak, node.memory_mb())
        time.sleep(0.05)
    # One worker may have the object in memory, with its pixels, besides the bound of 8 MiB.
    assert peak < before + 200


def test_random_bytes_are_answered_with_an_abort_or_the_end(node: RealNode) -> None:
    chance = random.Random(1)
    for _ in range(60):
        one = connected(node.port)
        one.sendall(chance.randbytes(chance.choice([1, 5, 6, 80, 3000])))
        answer = b""
        with suppress(OSError):
            one.shutdown(socket.SHUT_WR)
            answer = one.recv(100)
        assert answer[:1] in (b"", b"\x07", b"\x03")
        one.close()
    assert echo(node.port, SOON) < SOON
    assert '"internal error"' not in node.metrics()


def a_request(contexts: int = 1) -> bytes:
    """An association request as bytes, to be damaged."""
    from pynetdicom.pdu import A_ASSOCIATE_RQ
    from pynetdicom.pdu_primitives import A_ASSOCIATE, MaximumLengthNotification

    primitive = A_ASSOCIATE()
    primitive.application_context_name = "1.2.840.10008.3.1.1.1"
    primitive.calling_ae_title, primitive.called_ae_title = "A", "CHEXNET"
    proposed = []
    for number in range(contexts):
        context = build_context("1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.1.2.1")
        context.context_id = 2 * number + 1
        proposed.append(context)
    primitive.presentation_context_definition_list = proposed
    maximum = MaximumLengthNotification()
    maximum.maximum_length_received = 16384
    primitive.user_information = [maximum]
    pdu = A_ASSOCIATE_RQ()
    pdu.from_primitive(primitive)
    encoded: bytes = pdu.encode()
    return encoded


def test_damaged_requests_and_messages_never_reach_an_internal_error(node: RealNode) -> None:
    chance = random.Random(2)
    whole = a_request(3)
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(chance.randint(1, 6)):
            damaged[chance.randrange(10, len(damaged))] = chance.randrange(256)
        one = connected(node.port)
        one.sendall(bytes(damaged))
        # Then a data PDU with a damaged fragment.
        with suppress(OSError):
            one.sendall(struct.pack(">BxI", 4, 20) + chance.randbytes(20))
            one.shutdown(socket.SHUT_WR)
            while one.recv(4096):
                pass
        one.close()
    assert echo(node.port, SOON) < SOON
    assert 'end="internal error"' not in node.metrics()


def test_a_foreign_class_is_answered_with_0122(node: RealNode) -> None:
    """An SR on the context of an image: its class is not the context's."""
    entity = AE(ae_title="LIAR")
    association = entity.associate(
        "127.0.0.1", node.port, contexts=[build_context("1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.1.2.1")]
    )
    dataset = dcmread(io.BytesIO(small_source("liar")))
    context = association.accepted_contexts[0]
    context.abstract_syntax = "1.2.840.10008.5.1.4.1.1.88.33"
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.88.33"
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    assert association.send_c_store(dataset).Status == 0x0122
    association.release()


def test_mutated_objects_have_a_status_each(node: RealNode) -> None:
    """Objects with damaged bytes are acknowledged, and end as read, refused or unreadable."""
    chance = random.Random(3)
    whole = small_source("mutated")
    before = len([row for row in node.listed() if row["what"] == "image"])
    contents = []
    for _ in range(40):
        damaged = bytearray(whole)
        for _ in range(chance.randint(1, 12)):
            damaged[chance.randrange(400, 2500)] = chance.randrange(256)
        contents.append(bytes(damaged))
    sent = [_raw_store(node.port, content, number) for number, content in enumerate(contents)]
    assert set(sent) == {0}
    assert echo(node.port, SOON) < SOON

    def done() -> bool:
        rows = [row for row in node.listed() if row["what"] == "image"]
        return len(rows) >= before + 30 and all(row["state"] == "built" for row in rows)

    wait_for(done, 120, 0.5)
    outcomes = {row["outcome"] for row in node.listed() if row["what"] == "image"}
    assert "error" in outcomes and outcomes <= {"ok", "refused", "error"}


def _raw_store(port: int, content: bytes, number: int) -> int:
    """C-STORE of the bytes as they are, without any library that would mend them."""
    start = content.index(b"\x08\x00", 200)
    data = content[start:]
    uid = f"1.2.3.{number}".encode()
    uid += b"\0" * (len(uid) % 2)
    sop_class = b"1.2.840.10008.5.1.4.1.1.7\0"
    elements = (
        (0x0002, sop_class),
        (0x0100, struct.pack("<H", 1)),
        (0x0110, struct.pack("<H", 1)),
        (0x0700, struct.pack("<H", 0)),
        (0x0800, struct.pack("<H", 1)),
        (0x1000, uid),
    )
    body = b"".join(struct.pack("<HHI", 0, tag, len(value)) + value for tag, value in elements)
    command = struct.pack("<HHII", 0, 0, 4, len(body)) + body
    one = connected(port)
    one.sendall(a_request())
    accepted = _pdu(one)
    assert accepted[0] == 2
    one.sendall(_data(1, 3, command))
    for place in range(0, len(data), 60000):
        piece = data[place : place + 60000]
        one.sendall(_data(1, 2 if place + 60000 >= len(data) else 0, piece))
    answer = _pdu(one)
    one.sendall(struct.pack(">BxI", 5, 4) + b"\0" * 4)
    one.close()
    place = answer.index(struct.pack("<HHI", 0, 0x0900, 2)) + 8
    return int.from_bytes(answer[place : place + 2], "little")


def _data(context: int, control: int, content: bytes) -> bytes:
    fragment = struct.pack(">IBB", len(content) + 2, context, control) + content
    return struct.pack(">BxI", 4, len(fragment)) + fragment


def _pdu(one: socket.socket) -> bytes:
    header = _exactly(one, 6)
    return header + _exactly(one, int.from_bytes(header[2:], "big"))


def _exactly(one: socket.socket, count: int) -> bytes:
    content = b""
    while len(content) < count:
        got = one.recv(count - len(content))
        assert got, "the connection ended"
        content += got
    return content


def test_the_senders_first_readable_syntax_wins_and_uncompressed_is_last(node: RealNode) -> None:
    entity = AE()
    lossless, implicit, explicit, mpeg = (
        "1.2.840.10008.1.2.4.70",
        "1.2.840.10008.1.2",
        "1.2.840.10008.1.2.1",
        "1.2.840.10008.1.2.4.100",
    )
    image = "1.2.840.10008.5.1.4.1.1.1.1"
    for proposed, chosen in (
        ([implicit, explicit, lossless], lossless),
        ([mpeg, "1.2.840.10008.1.2.4.90", lossless], "1.2.840.10008.1.2.4.90"),
        ([implicit, explicit], implicit),
    ):
        association = entity.associate("127.0.0.1", node.port, contexts=[build_context(image, proposed)])
        assert association.accepted_contexts[0].transfer_syntax == [chosen]
        association.release()
    association = entity.associate("127.0.0.1", node.port, contexts=[build_context(image, [mpeg])])
    assert not association.accepted_contexts
    association.abort()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    command = [
        *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
        *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
        *("-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")),
    ]
    try:
        subprocess.run(command, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no openssl")
    return folder / "certificate.pem", folder / "key.pem"


def test_silent_peers_on_the_tls_port_hold_up_nobody_and_strangers_are_refused(
    tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    paths = {"certificate": str(certificate[0]), "key": str(certificate[1])}
    node = RealNode(
        tmp_path,
        [],
        tls={**paths, "authorities": str(certificate[0])},
        admission={"calling": ["MODALITY"]},
    ).start()
    silent = [connected(node.port) for _ in range(50)]

    def association(calling: str, mutual: bool) -> Any:
        context = ssl.create_default_context(cafile=str(certificate[0]))
        if mutual:
            context.load_cert_chain(*certificate)
        entity = AE(ae_title=calling)
        entity.acse_timeout = entity.network_timeout = 10
        return entity.associate(
            "127.0.0.1",
            node.port,
            contexts=[build_context("1.2.840.10008.1.1")],
            tls_args=(context, "localhost"),
        )

    began = time.monotonic()
    good = association("MODALITY", True)
    assert good.is_established and good.send_c_echo().Status == 0
    assert time.monotonic() - began < SOON
    good.release()
    assert association("STRANGER", True).is_rejected
    assert not association("MODALITY", False).is_established
    wait_for(lambda: node.metric('chexnet_node_connections_total{end="timeout"}') >= 50, 40)
    assert node.metric('chexnet_node_connections_total{end="calling AE title unknown"}') == 1
    assert node.metric('chexnet_node_connections_total{end="tls failure"}') >= 1
    for one in silent:
        one.close()
    node.stop()


def test_a_peer_has_a_limit_and_a_slow_one_a_deadline(tmp_path: Path) -> None:
    limits = {"associations_per_peer": 3, "artim_seconds": 1, "idle_seconds": 2, "pdu_seconds": 2}
    node = RealNode(tmp_path, [], limits=limits).start()
    entity = AE()
    context = [build_context("1.2.840.10008.1.1")]
    held = [entity.associate("127.0.0.1", node.port, contexts=context) for _ in range(3)]
    assert all(one.is_established for one in held)
    assert entity.associate("127.0.0.1", node.port, contexts=context).is_rejected
    wait_for(lambda: not any(one.is_established for one in held), 15)
    slow = connected(node.port)
    whole, sent = a_request(), 0
    with suppress(OSError):
        for byte in whole[:100]:
            slow.sendall(bytes([byte]))
            sent += 1
            time.sleep(0.1)
    assert sent < 60, "a request that trickles in must end with the deadline"
    node.stop()


def test_the_example_is_taken_in_every_syntax_that_dcmtk_writes(node: RealNode, tmp_path: Path) -> None:
    plain = tmp_path / "plain.dcm"
    converters = {
        "little": ["dcmconv", "+te"],
        "implicit": ["dcmconv", "+ti"],
        "big": ["dcmconv", "+tb"],
        "deflated": ["dcmconv", "+td"],
        "rle": ["dcmcrle"],
        "jpeg lossless": ["dcmcjpeg", "+e1"],
        "jpeg-ls": ["dcmcjpls", "+el"],
    }
    try:
        subprocess.run(["dcmconv", "+te", str(_uncompressed(tmp_path)), str(plain)], check=True)
    except OSError:
        pytest.skip("no dcmtk")
    for number, (name, command) in enumerate(converters.items()):
        out = tmp_path / f"{number}.dcm"
        subprocess.run([*command, str(plain), str(out)], check=True, capture_output=True)
        dataset = dcmread(out)
        syntax = dataset.file_meta.TransferSyntaxUID
        association = AE().associate(
            "127.0.0.1", node.port, contexts=[build_context(str(dataset.SOPClassUID), str(syntax))]
        )
        assert association.accepted_contexts, name
        assert association.send_c_store(out).Status == 0, name
        association.release()

    def all_read() -> bool:
        rows = [row for row in node.listed() if row["what"] == "image"]
        return all(row["state"] == "built" for row in rows)

    wait_for(all_read, 60, 0.5)
    newest = [row for row in node.listed() if row["what"] == "image"][: len(converters)]
    assert [row["outcome"] for row in newest] == ["ok"] * len(converters)


def _uncompressed(folder: Path) -> Path:
    dataset = dcmread(EXAMPLE)
    dataset.decompress()
    path = folder / "uncompressed.dcm"
    dataset.save_as(path)
    return path
