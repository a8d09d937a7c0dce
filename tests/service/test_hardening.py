"""Uploads and clients that mean harm: no 500, no lost request, no growing memory."""

import asyncio
import io
import json
import random
import re
import socket
import struct
import threading
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pydicom
import pytest
from PIL import Image
from real_server import Serving

from chexnet.classifier import Classifier
from chexnet.service import Limits, ServiceConfig, server

HEADERS = {"Content-Type": "application/octet-stream"}
ANSWERS = {201, 400, 408, 413, 415, 422, 503}
MUTANTS = 200


def resident_mb() -> float:
    """Memory of this process, in which the server's threads run."""
    return int(re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024


def jpeg_of(png: bytes) -> bytes:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(png)).resize((256, 256)).save(buffer, "JPEG")
    return buffer.getvalue()


def small_png(png: bytes) -> bytes:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(png)).resize((128, 128)).save(buffer, "PNG")
    return buffer.getvalue()


def small_dicom(dicom: bytes) -> bytes:
    dataset = pydicom.dcmread(io.BytesIO(dicom))
    dataset.PixelData = np.ascontiguousarray(dataset.pixel_array[::8, ::8]).tobytes()
    dataset.Rows, dataset.Columns = dataset.Rows // 8, dataset.Columns // 8
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def mutated(content: bytes, rng: random.Random) -> bytes:
    """Bytes changed, removed, doubled or inserted, mostly near the start, where the headers are."""
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        place = (
            min(int(rng.expovariate(1 / 300)), len(changed) - 1)
            if rng.random() < 0.7
            else rng.randrange(len(changed))
        )
        match rng.randrange(5):
            case 0:
                changed[place] = rng.randrange(256)
            case 1:
                changed[place : place + 4] = rng.choice((b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff"))
            case 2:
                del changed[place : place + rng.choice((1, 2, 7, 100))]
            case 3:
                changed[place:place] = changed[place : place + 16]
            case 4:
                del changed[max(1, place) :]
        if not changed:
            return b"\0"
    return bytes(changed)


@pytest.mark.parametrize("count", [MUTANTS, pytest.param(5000, marks=pytest.mark.slow)])
def test_mutated_films_are_read_or_refused_and_never_break_the_service(
    serving: Serving, classifier: Classifier, png: bytes, dicom: bytes, count: int
) -> None:
    rng = random.Random(7)
    originals = [small_png(png), jpeg_of(png), small_dicom(dicom)]
    limits = Limits(results=20, results_mb=16, megapixels=4, memory_mb=64)
    statuses: Counter[int] = Counter()
    with serving(classifier, ServiceConfig(limits=limits)) as client:
        after_a_tenth = 0.0
        for number in range(count):
            content = mutated(rng.choice(originals), rng)
            answer = client.post("/v1/predictions", content=content, headers=HEADERS)
            statuses[answer.status_code] += 1
            assert answer.status_code in (201, 422), answer.text
            if number == count // 10:
                after_a_tenth = resident_mb()
        assert client.get("/healthz").status_code == 200
    assert statuses[201]
    assert statuses[422]
    # Decoders and arenas settle early; what then still grows by more than this would be a leak.
    assert resident_mb() - after_a_tenth < 150


def test_mutated_requests_are_answered_with_problems(service: httpx.Client, png: bytes) -> None:
    rng = random.Random(11)
    film = small_png(png)
    boundary = "x" * 20
    form = (
        (
            f'--{boundary}\r\nContent-Disposition: form-data; name="film"; filename="a.png"\r\n'
            f"Content-Type: image/png\r\n\r\n"
        ).encode()
        + film
        + f"\r\n--{boundary}--\r\n".encode()
    )
    for _ in range(100):
        answer = service.post(
            "/v1/predictions",
            content=mutated(form, rng),
            headers={"Content-Type": f"multipart/form-data; boundary={boundary}"},
        )
        assert answer.status_code in (201, 400, 422), answer.text
        if answer.status_code != 201:
            assert answer.headers["content-type"] == "application/problem+json"


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_bomb(side: int) -> bytes:
    """A few kilobytes that inflate to side × side zeros."""
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    deflater = zlib.compressobj(9)
    rows = b"".join(deflater.compress(bytes(side + 1)) for _ in range(side)) + deflater.flush()
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


def text_bomb(png: bytes) -> bytes:
    """A film with a compressed comment of 200 MB."""
    comment = b"Comment\0\0" + zlib.compress(bytes(200_000_000), 9)
    return png[:33] + _chunk(b"zTXt", comment) + png[33:]


def deflated_dicom(size: int) -> bytes:
    """A deflated data set that inflates to `size` bytes."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    element = b"\x08\x00\x05\x00CS\x04\x00ABCD"
    body = deflater.compress(element) + deflater.compress(bytes(size)) + deflater.flush()
    syntax = b"1.2.840.10008.1.2.1.99"
    meta = b"\x02\x00\x10\x00UI" + struct.pack("<H", len(syntax)) + syntax
    return bytes(128) + b"DICM" + meta + body


def test_bombs_are_refused_without_being_unpacked(service: httpx.Client, png: bytes) -> None:
    before = resident_mb()
    for bomb in (png_bomb(7000), png_bomb(25_000 // 2), deflated_dicom(300 * 2**20)):
        assert len(bomb) < 2**20
        answer = service.post("/v1/predictions", content=bomb, headers=HEADERS)
        assert answer.status_code == 422
        assert json.loads(answer.text)["prediction"]["status"] == "error"
    assert service.post("/v1/predictions", content=text_bomb(png), headers=HEADERS).status_code == 201
    # The largest file that may be unpacked at all is 256 MB; none of that stays.
    assert resident_mb() - before < 400


def test_a_zip_in_a_form_is_just_an_unreadable_file(service: httpx.Client) -> None:
    answer = service.post("/v1/predictions", files={"film": ("a.zip", b"PK\x03\x04" + bytes(1000))})
    assert answer.status_code == 422
    assert "ZIP" in answer.text


def test_a_form_that_is_packed_is_not_unpacked(service: httpx.Client, png: bytes) -> None:
    answer = service.post(
        "/v1/predictions", content=zlib.compress(png), headers={**HEADERS, "Content-Encoding": "deflate"}
    )
    assert answer.status_code == 422


def dribble(address: tuple[str, int], chunks: Iterator[bytes]) -> bytes:
    """Send slowly; what the server says in the end."""
    with socket.create_connection(address, timeout=30) as connection:
        answer = b""
        connection.settimeout(0.2)
        for chunk in chunks:
            try:
                connection.sendall(chunk)
                answer += connection.recv(65536)
                break
            except TimeoutError:
                continue
            except OSError:
                break
        connection.settimeout(20)
        while True:
            try:
                received = connection.recv(65536)
            except OSError:
                return answer
            if not received:
                return answer
            answer += received


def test_a_slow_upload_is_cut_off_and_does_not_hold_up_others(
    serving: Serving, classifier: Classifier, png: bytes
) -> None:
    with serving(classifier, ServiceConfig(limits=Limits(upload_timeout_s=2))) as client:
        address = (client.base_url.host, client.base_url.port)
        head = b"POST /v1/predictions HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
        head += b"Content-Length: 1000\r\n\r\n"
        said: list[bytes] = []
        slow = [
            threading.Thread(target=lambda: said.append(dribble(address, iter([head, *[b"x"] * 100]))))
            for _ in range(20)
        ]
        for thread in slow:
            thread.start()
        # While they dribble, others are served.
        assert client.post("/v1/predictions", content=png, headers=HEADERS).status_code == 201
        for thread in slow:
            thread.join()
    assert len(said) == 20
    assert all(b"408 Request Timeout" in answer and b"slow-upload" in answer for answer in said)


def test_slow_headers_are_cut_off(
    serving: Serving, classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "HEADER_S", 1)
    with serving(classifier) as client:
        address = (client.base_url.host, client.base_url.port)
        started = time.monotonic()
        assert dribble(address, iter([b"GET /healthz HTTP/1.1\r\n", *[b"X-A: b\r\n"] * 100])) == b""
        # It would have gone on for twenty.
        assert time.monotonic() - started < 15
        assert client.get("/healthz").status_code == 200


def test_a_client_that_goes_away_leaves_no_work_and_no_memory_behind(
    serving: Serving, classifier: Classifier, png: bytes
) -> None:
    with serving(classifier) as client:
        address = (client.base_url.host, client.base_url.port)
        head = (
            f"POST /v1/predictions HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
            f"Content-Length: {len(png)}\r\n\r\n"
        ).encode()
        for _ in range(20):
            with socket.create_connection(address) as connection:
                connection.sendall(head + png[: len(png) // 2])
        deadline = time.monotonic() + 20
        while "chexnet_bodies_bytes 0.0\n" not in (metrics := client.get("/metrics").text):
            assert time.monotonic() < deadline, metrics
            time.sleep(0.05)
        assert "chexnet_queue_films 0.0\n" in metrics


async def crowd(base_url: str, content: bytes, clients: int) -> list[int]:
    """Statuses that many clients at once end with; each comes back when it is told to."""

    async def one(client: httpx.AsyncClient) -> int:
        for _ in range(200):
            answer = await client.post("/v1/predictions", content=content, headers=HEADERS)
            if answer.status_code != 503:
                return answer.status_code
            assert answer.headers["content-type"] == "application/problem+json"
            assert int(answer.headers["retry-after"]) >= 1
            await asyncio.sleep(float(answer.headers["retry-after"]) * random.uniform(0.3, 1))
        return 503

    limits = httpx.Limits(max_connections=clients)
    async with httpx.AsyncClient(base_url=base_url, timeout=300, limits=limits, trust_env=False) as client:
        return await asyncio.gather(*(one(client) for _ in range(clients)))


def test_of_many_clients_at_once_none_is_lost(serving: Serving, classifier: Classifier, png: bytes) -> None:
    film = small_png(png)
    with serving(classifier, ServiceConfig(limits=Limits(queue=16, timeout_s=300))) as client:
        statuses = asyncio.run(crowd(str(client.base_url), film, 60))
        metrics = client.get("/metrics").text
    assert statuses == [201] * 60
    assert 'status="503"' in metrics, "the queue was never full"
    batches = int(re.search(r"chexnet_batch_films_count (\d+)", metrics)[1])
    assert batches < 60, "no two films shared a batch"


def test_a_film_that_waits_too_long_is_a_503_and_not_a_hanging_request(
    serving: Serving, varied_model: Path, png: bytes
) -> None:
    held = threading.Event()

    class Stuck(Classifier):
        def predict_inputs(self, inputs, radiographs, **options):
            held.wait(20)
            return super().predict_inputs(inputs, radiographs, **options)

    with serving(Stuck(varied_model), ServiceConfig(limits=Limits(timeout_s=1))) as client:
        answer = client.post("/v1/predictions", content=png, headers=HEADERS)
        held.set()
        assert answer.status_code == 503
        assert "Not read within 1 s" in answer.json()["detail"]


def test_memory_for_bodies_is_bounded_across_requests(serving: Serving, classifier: Classifier) -> None:
    with serving(classifier, ServiceConfig(limits=Limits(memory_mb=1, upload_mb=4))) as client:
        answer = client.post("/v1/predictions", content=bytes(3 * 2**20), headers=HEADERS)
        assert answer.status_code == 503
        assert "chexnet_bodies_bytes 0.0\n" in client.get("/metrics").text


def test_an_unforeseen_failure_is_a_500_that_tells_nothing_of_the_inside(
    serving: Serving, varied_model: Path, png: bytes
) -> None:
    class Broken(Classifier):
        def predict_inputs(self, *_, **__):
            raise ZeroDivisionError("secret of the inside")

    with serving(Broken(varied_model)) as client:
        answer = client.post("/v1/predictions", content=png, headers=HEADERS)
        assert answer.status_code == 500
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["content-security-policy"]
        assert "secret" not in answer.text
        # The server closes the connection on which it failed.
        assert httpx.get(client.base_url.join("/healthz"), trust_env=False).status_code == 200


@pytest.fixture
def large_film(dicom: bytes) -> bytes:
    """A film whose raw grey values, 18 MB, no socket takes at once."""
    dataset = pydicom.dcmread(io.BytesIO(dicom))
    dataset.PixelData = np.resize(dataset.pixel_array, (3000, 3000)).tobytes()
    dataset.Rows = dataset.Columns = 3000
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def stalled(client: httpx.Client, path: str) -> socket.socket:
    """A connection that asks for something and then takes nothing of the answer."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect((client.base_url.host, client.base_url.port))
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return connection


def wait_for(client: httpx.Client, line: str) -> None:
    deadline = time.monotonic() + 30
    while line not in (metrics := client.get("/metrics").text):
        assert time.monotonic() < deadline, metrics
        time.sleep(0.05)


def test_memory_for_downloads_is_bounded_whatever_clients_do(
    serving: Serving, classifier: Classifier, large_film: bytes
) -> None:
    with serving(classifier, ServiceConfig(gate=False, limits=Limits(memory_mb=36))) as client:
        raw = client.post("/v1/predictions", content=large_film, headers=HEADERS).json()["links"]["film_raw"]
        with stalled(client, raw), stalled(client, raw):
            wait_for(client, "chexnet_downloads_bytes 3.6e+07\n")
            refused = client.get(raw)
            assert refused.status_code == 503
            assert refused.headers["content-type"] == "application/problem+json"
            assert int(refused.headers["retry-after"]) >= 1
            assert "downloads" in refused.json()["detail"]
            # Uploads have their own.
            assert client.post("/v1/predictions", content=large_film, headers=HEADERS).status_code == 201
        wait_for(client, "chexnet_downloads_bytes 0.0\n")
        assert len(client.get(raw).content) == 2 * 3000 * 3000


def test_a_client_that_takes_nothing_of_its_answer_is_cut_off(
    serving: Serving, classifier: Classifier, large_film: bytes
) -> None:
    with serving(classifier, ServiceConfig(gate=False, limits=Limits(timeout_s=3))) as client:
        # The time limit holds for reading the film as well, which a busy machine may miss.
        for _ in range(20):
            answer = client.post("/v1/predictions", content=large_film, headers=HEADERS)
            if answer.status_code == 201:
                break
        raw = answer.json()["links"]["film_raw"]
        with stalled(client, raw):
            wait_for(client, "chexnet_downloads_bytes 1.8e+07\n")
            wait_for(client, "chexnet_downloads_bytes 0.0\n")
        assert client.get("/healthz").status_code == 200


def test_pictures_that_nobody_could_draw_in_time_are_refused_at_once(
    serving: Serving, classifier: Classifier, large_film: bytes
) -> None:
    with serving(classifier, ServiceConfig(gate=False, limits=Limits(queue=2))) as client:
        result = client.post("/v1/predictions", content=large_film, headers=HEADERS).json()
        path = result["links"]["overlay"]["Mass"]

        async def ask() -> list[httpx.Response]:
            async with httpx.AsyncClient(base_url=client.base_url, timeout=120, trust_env=False) as crowd:
                return await asyncio.gather(*(crowd.get(path) for _ in range(12)))

        answers = asyncio.run(ask())
        assert {answer.status_code for answer in answers} == {200, 503}
        for answer in answers:
            if answer.status_code == 503:
                assert "at most 2 may wait" in answer.json()["detail"]
                assert int(answer.headers["retry-after"]) >= 1
        assert client.get(path).status_code == 200
