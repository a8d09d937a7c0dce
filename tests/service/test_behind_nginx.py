"""The site of `deploy/nginx.conf` in front of the service: Debian's nginx, TLS, the service's own errors."""

import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from real_server import Serving

from chexnet.classifier import Classifier
from chexnet.service import Limits, ServiceConfig
from chexnet.service.config import MEGA

SITE = Path(__file__).resolve().parents[2] / "deploy" / "nginx.conf"
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin")
NAME = "cxr.hospital.example"
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")

pytestmark = pytest.mark.skipif(
    NGINX is None or shutil.which("openssl") is None,
    reason="no nginx or no openssl; install Debian's packages",
)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


def placed(site: str, folder: Path, service: int) -> tuple[str, int]:
    """The site with free ports, a certificate of its own and the service where it runs."""
    plain, secure = free_port(), free_port()
    changes = {
        r"listen +\[::\][^;]*;": "",
        r"listen +80;": f"listen 127.0.0.1:{plain};",
        r"listen +443 ssl;": f"listen 127.0.0.1:{secure} ssl;",
        r"/etc/ssl/certs/chexnet\.pem": str(folder / "certificate.pem"),
        r"/etc/ssl/private/chexnet\.key": str(folder / "key.pem"),
        r"server 127\.0\.0\.1:8000;": f"server 127.0.0.1:{service};",
    }
    for pattern, replacement in changes.items():
        site, count = re.subn(pattern, replacement, site)
        assert count, pattern
    return site, secure


@contextmanager
def nginx(folder: Path, service: int) -> Iterator[httpx.Client]:
    """A client of nginx, which puts its temporary files, should there be any, below the folder."""
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={NAME}"]
    files = ["-keyout", folder / "key.pem", "-out", folder / "certificate.pem"]
    subprocess.run([*command, *files], check=True, capture_output=True)
    site, port = placed(SITE.read_text(), folder, service)
    (folder / "temporary").mkdir()
    paths = "".join(f"{name}_temp_path {folder}/temporary/{name};" for name in TEMPORARY)
    configuration = folder / "nginx.conf"
    configuration.write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/error.log; events {{}}"
        f"http {{ access_log off; {paths}\n{site}\n}}"
    )
    process = subprocess.Popen([NGINX, "-c", configuration], stderr=subprocess.PIPE)
    try:
        client = httpx.Client(
            base_url=f"https://127.0.0.1:{port}",
            verify=False,
            headers={"Host": NAME},
            timeout=60,
            trust_env=False,
        )
        with client:
            deadline = time.monotonic() + 20
            while not _answers(client):
                assert process.poll() is None, process.stderr.read()
                assert time.monotonic() < deadline
                time.sleep(0.05)
            yield client
    finally:
        process.terminate()
        process.wait()


def _answers(client: httpx.Client) -> bool:
    try:
        client.get("/healthz")
    except httpx.ConnectError:
        return False
    return True


@pytest.fixture(scope="module")
def proxied(
    serving: Serving, classifier: Classifier, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[httpx.Client, Path]]:
    """A client of nginx in front of the service, and nginx's folder."""
    folder = tmp_path_factory.mktemp("nginx")
    with (
        serving(classifier, ServiceConfig(hosts=("127.0.0.1", NAME))) as direct,
        nginx(folder, direct.base_url.port) as client,
    ):
        yield client, folder


def assert_problem(response: httpx.Response, status: int, kind: str) -> None:
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["strict-transport-security"]
    problem = response.json()
    assert (problem["type"], problem["status"]) == (f"urn:chexnet:problem:{kind}", status)
    assert problem["title"]
    assert problem["detail"]


def test_films_pass_and_leave_nothing_on_the_proxys_disk(
    proxied: tuple[httpx.Client, Path], png: bytes
) -> None:
    client, folder = proxied
    answer = client.post("/v1/predictions", files={"film": ("film.png", png)})
    assert answer.status_code == 201
    assert answer.headers["strict-transport-security"]
    assert "default-src 'none'" in client.get("/").headers["content-security-policy"]
    # Much larger than the buffers that nginx has by default.
    damaged = client.post("/v1/predictions", files={"film": ("film.png", bytes(20 * 2**20))})
    assert_problem(damaged, 422, "unreadable")
    assert [path for path in (folder / "temporary").rglob("*") if path.is_file()] == []
    assert "buffered to a temporary file" not in (folder / "error.log").read_text()


def test_a_body_that_nginx_refuses_gets_the_services_error(proxied: tuple[httpx.Client, Path]) -> None:
    client, _ = proxied
    film = bytes((Limits().upload_mb + 1) * MEGA)
    answer = client.post("/v1/predictions", headers={"Content-Type": "image/png"}, content=film)
    assert_problem(answer, 413, "too-large")
    assert f"{Limits().upload_mb} MiB" in answer.json()["detail"]


def test_a_client_that_takes_too_many_connections_is_told_to_come_back(
    proxied: tuple[httpx.Client, Path],
) -> None:
    client, _ = proxied
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    head = f"POST /v1/predictions HTTP/1.1\r\nHost: {NAME}\r\nContent-Length: 9\r\n\r\n".encode()
    with ExitStack() as held:
        for _ in range(32):
            plain = socket.create_connection((client.base_url.host, client.base_url.port))
            connection = held.enter_context(trusting.wrap_socket(plain))
            connection.sendall(head)
        deadline = time.monotonic() + 20
        while (answer := client.get("/healthz")).status_code == 200:
            assert time.monotonic() < deadline
    assert_problem(answer, 503, "overloaded")
    assert int(answer.headers["retry-after"]) >= 1


def test_a_service_that_is_away_is_a_problem_as_well(tmp_path: Path) -> None:
    with nginx(tmp_path, free_port()) as client:
        answer = client.get("/v1/model")
    assert_problem(answer, 502, "unreachable")
    assert int(answer.headers["retry-after"]) >= 1
