import os
import re
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

KEY = "correct-horse-battery"


@contextmanager
def running(*arguments: object, **environment: str) -> Iterator[tuple[subprocess.Popen, str]]:
    """`chexnet serve` on a free port, and its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "chexnet", "serve", "--port", "0", *map(str, arguments)],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    try:
        for line in process.stderr:
            if found := re.search(r"http://[\d.]+:\d+", line):
                yield process, found[0]
                return
        raise AssertionError("the service did not start")
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def post(address: str, film: Path, **headers: str) -> httpx.Response:
    return httpx.post(
        f"{address}/v1/predictions",
        content=film.read_bytes(),
        headers={"Content-Type": "image/png", **headers},
        timeout=60,
        trust_env=False,
    )


def test_serve_reads_a_film_and_stops_cleanly_leaving_nothing_on_disk(
    example_film: Path, tmp_path: Path
) -> None:
    with running(TMPDIR=str(tmp_path)) as (process, address):
        answer = post(address, example_film)
        assert answer.status_code == 201
        assert answer.json()["status"] == "ok"
        assert list(tmp_path.iterdir()) == []
        process.send_signal(signal.SIGTERM)
        # uvicorn raises the signal again after a clean stop, so that the caller knows why it ended.
        assert process.wait(60) in (0, -signal.SIGTERM)
        assert "Application shutdown complete" in process.stderr.read()


def test_idle_connections_do_not_lock_others_out_under_the_usual_limit_of_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2500:
        pytest.skip(f"this system lets a process open {hard} files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
    try:
        with running() as (_, address):
            resource.setrlimit(resource.RLIMIT_NOFILE, (2500, hard))
            url = httpx.URL(address)
            with ExitStack() as idle:
                for _ in range(1200):
                    idle.enter_context(socket.create_connection((url.host, url.port)))
                # The idle ones are closed after 20 s.
                assert httpx.get(f"{address}/healthz", timeout=15, trust_env=False).status_code == 200
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_killed_service_leaves_no_temporary_file(example_film: Path, tmp_path: Path) -> None:
    body = example_film.read_bytes() * 20
    with running(TMPDIR=str(tmp_path)) as (process, address):

        def interrupted() -> Iterator[bytes]:
            yield body
            process.kill()
            process.wait()
            yield body

        with pytest.raises(httpx.TransportError):
            httpx.post(
                f"{address}/v1/predictions",
                content=interrupted(),
                headers={"Content-Type": "image/png"},
                trust_env=False,
            )
    assert list(tmp_path.iterdir()) == []


def test_keys_come_from_file_and_environment(example_film: Path, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text(f"{KEY}-1\n{KEY}-2\n")
    with running("--api-keys-file", keys, CHEXNET_API_KEYS=f"{KEY}-3") as (_, address):
        assert post(address, example_film).status_code == 401
        for number in "123":
            assert post(address, example_film, **{"X-API-Key": f"{KEY}-{number}"}).status_code == 201


def test_limits_are_options() -> None:
    with running("--megapixels", "1", "--upload-mb", "1") as (_, address):
        headers = {"Content-Type": "image/png"}
        answer = httpx.post(
            f"{address}/v1/predictions", content=bytes(2**21), headers=headers, trust_env=False
        )
        assert answer.status_code == 413


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--model", "missing.onnx"], "missing.onnx"),
        (["--queue", "0"], "queue is 0"),
        (["--api-key", "short"], "16 characters"),
        (["--cors-origin", "*"], "every web site"),
        (["--keep", "/proc/nowhere"], "/proc"),
        (["--policy", "bold"], "no policy"),
        (["--api-keys-file", "/dev/null"], "no key"),
    ],
)
def test_an_impossible_service_does_not_start(
    chexnet_cli: Callable, arguments: list[str], said: str, tmp_path: Path
) -> None:
    if arguments[0] == "--api-keys-file":
        (tmp_path / "empty").touch()
        arguments = ["--api-keys-file", str(tmp_path / "empty")]
    result = chexnet_cli("serve", *arguments)
    assert result.status == 1
    assert said in result.err
