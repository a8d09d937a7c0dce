"""Keys, host names, other sites, and the headers of every answer."""

import hmac
import socket
import time

import httpx
import pytest
from real_server import Serving

from chexnet.classifier import Classifier
from chexnet.service import Limits, ServiceConfig
from chexnet.service.security import Keys, security_headers

KEY, OTHER = "correct-horse-battery", "staple-staple-staple"
PROTECTED = ["/v1/model", "/metrics", "/v1/predictions/" + "A" * 22]
OPEN = ["/healthz", "/", "/openapi.json"]


@pytest.fixture(scope="module")
def locked(classifier: Classifier, serving: Serving):
    with serving(classifier, ServiceConfig(api_keys=(KEY, OTHER))) as client:
        yield client


@pytest.mark.parametrize("path", PROTECTED)
@pytest.mark.parametrize(
    "headers",
    [{}, {"X-API-Key": "wrong"}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {KEY}"}],
)
def test_without_a_valid_key_nothing_is_shown(
    locked: httpx.Client, path: str, headers: dict[str, str]
) -> None:
    response = locked.get(path, headers=headers)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.json()["type"] == "urn:chexnet:problem:unauthorised"


@pytest.mark.parametrize("path", PROTECTED)
@pytest.mark.parametrize("headers", [{"X-API-Key": KEY}, {"Authorization": f"Bearer {OTHER}"}])
def test_any_of_the_keys_opens(locked: httpx.Client, path: str, headers: dict[str, str]) -> None:
    assert locked.get(path, headers=headers).status_code in (200, 404)


@pytest.mark.parametrize("path", OPEN)
def test_health_page_and_document_need_no_key(locked: httpx.Client, path: str) -> None:
    assert locked.get(path).status_code == 200


def test_an_upload_without_key_is_answered_although_its_body_is_large(locked: httpx.Client) -> None:
    response = locked.post(
        "/v1/predictions", content=bytes(20 * 2**20), headers={"Content-Type": "image/png"}
    )
    assert response.status_code == 401


def test_keys_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    original = hmac.compare_digest

    def spy(a: bytes, b: bytes) -> bool:
        compared.append((a, b))
        return original(a, b)

    monkeypatch.setattr(hmac, "compare_digest", spy)
    assert Keys((KEY, OTHER)).opens(KEY)
    # Digests of one length, and all of them even after a match.
    assert len(compared) == 2
    assert {len(side) for pair in compared for side in pair} == {32}


@pytest.mark.parametrize("key", ["short", "with-umlaut-äöü-äöü", "line\nbreak-line-break"])
def test_keys_that_are_weak_or_cannot_be_a_header_are_refused(key: str) -> None:
    with pytest.raises(ValueError, match="16 characters"):
        ServiceConfig(api_keys=(key,))


@pytest.mark.parametrize("path", ["/", "/static/page.css", "/v1/model", "/v1/nothing", "/healthz"])
def test_every_answer_has_the_security_headers(service: httpx.Client, path: str) -> None:
    headers = service.get(path).headers
    for name, value in security_headers().items():
        assert headers[name] == value
    assert "server" not in headers


def test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere(service: httpx.Client) -> None:
    policy = service.get("/").headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "*" not in policy


def test_other_host_names_are_refused_where_the_own_ones_are_known(
    classifier: Classifier, serving: Serving
) -> None:
    with serving(classifier, ServiceConfig(hosts=("127.0.0.1", "cxr.example", "::1"))) as client:
        for host in ("cxr.example", "CXR.example:8443", "127.0.0.1:1", "[::1]:8000"):
            assert client.get("/healthz", headers={"Host": host}).status_code == 200
        for host in ("evil.example", "", "cxr.example.evil", "a@cxr.example/x"):
            response = client.get("/healthz", headers={"Host": host})
            assert response.status_code == 421, host
            assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
def test_pages_of_other_sites_may_not_call(service: httpx.Client, origin: str) -> None:
    response = service.post(
        "/v1/predictions", files={"film": b"x"}, headers={"Origin": origin, "Sec-Fetch-Site": "cross-site"}
    )
    assert response.status_code == 403
    assert response.json()["type"] == "urn:chexnet:problem:cross-origin"
    assert "access-control-allow-origin" not in response.headers


def test_the_own_page_may_call(service: httpx.Client) -> None:
    origin = str(service.base_url).rstrip("/")
    assert service.get("/v1/model", headers={"Origin": origin}).status_code == 200


def test_named_sites_may_call_and_no_others(classifier: Classifier, serving: Serving) -> None:
    friend = "https://viewer.example"
    preflight = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    with serving(classifier, ServiceConfig(origins=(friend,))) as client:
        allowed = client.get("/v1/model", headers={"Origin": friend})
        assert allowed.status_code == 200
        assert allowed.headers["access-control-allow-origin"] == friend
        assert client.options("/v1/predictions", headers={"Origin": friend, **preflight}).status_code == 200
        assert client.get("/v1/model", headers={"Origin": "https://evil.example"}).status_code == 403


def test_the_service_is_never_opened_to_all_sites() -> None:
    with pytest.raises(ValueError, match="every web site"):
        ServiceConfig(origins=("*",))


def test_nothing_is_traced_whatever_the_environment_says(
    classifier: Classifier, serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FastAPI sends paths to a collector when it is told to; the id in a path opens the result."""
    with socket.create_server(("127.0.0.1", 0)) as collector:
        monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{collector.getsockname()[1]}")
        with serving(classifier) as client:
            assert client.get("/healthz").status_code == 200
        collector.settimeout(0)
        with pytest.raises(BlockingIOError):
            collector.accept()


def test_only_the_sites_that_are_named_may_frame_the_page(classifier: Classifier, serving: Serving) -> None:
    with serving(classifier, ServiceConfig(frame_ancestors=("https://pacs.example",))) as client:
        headers = client.get("/").headers
    assert "frame-ancestors https://pacs.example" in headers["content-security-policy"]
    assert "x-frame-options" not in headers
    with pytest.raises(ValueError, match="expected a site"):
        ServiceConfig(frame_ancestors=("https://pacs.example; script-src *",))


@pytest.mark.parametrize("takes_prefix_away", [True, False])
def test_below_a_prefix_every_link_has_it(
    classifier: Classifier, serving: Serving, png: bytes, takes_prefix_away: bool
) -> None:
    before = "" if takes_prefix_away else "/chexnet"
    with serving(classifier, ServiceConfig(root_path="/chexnet")) as client:
        answer = client.post(f"{before}/v1/predictions", content=png, headers={"Content-Type": "image/png"})
        links = answer.json()["links"]
        assert links["self"].startswith("/chexnet/v1/predictions/")
        assert answer.headers["location"] == links["self"]
        assert client.get(links["maps"]).status_code == 200
        assert client.get(links["self"].removeprefix("/chexnet")).json()["links"] == links
        assert client.get(f"{before}/").status_code == 200
        assert client.get("/chexnet").headers["location"] == "/chexnet/"
        assert client.get("/openapi.json").json()["servers"] == [{"url": "/chexnet"}]


def test_a_forwarded_prefix_is_believed_of_a_trusted_proxy_only(
    classifier: Classifier, serving: Serving, png: bytes
) -> None:
    def self_link(config: ServiceConfig, prefix: str) -> str:
        with serving(classifier, config) as client:
            headers = {"Content-Type": "image/png", "X-Forwarded-Prefix": prefix}
            link: str = client.post("/v1/predictions", content=png, headers=headers).json()["links"]["self"]
            return link

    trusting = ServiceConfig(trusted_proxies=("127.0.0.1",))
    assert self_link(trusting, "/a/b").startswith("/a/b/v1/")
    assert self_link(trusting, "//evil.example/").startswith("/v1/")
    assert self_link(ServiceConfig(), "/a/b").startswith("/v1/")
    # Whoever sends the address of a trusted proxy is not one.
    assert self_link(ServiceConfig(trusted_proxies=("10.0.0.1",)), "/a/b").startswith("/v1/")
    with pytest.raises(ValueError, match="expected a path"):
        ServiceConfig(root_path="chexnet/")


def test_a_client_that_asks_whether_it_may_send_too_much_is_answered_at_once(
    classifier: Classifier, serving: Serving
) -> None:
    with serving(classifier, ServiceConfig(limits=Limits(upload_mb=1))) as client:
        started = time.monotonic()
        with socket.create_connection((client.base_url.host, client.base_url.port), timeout=30) as connection:
            connection.sendall(
                b"POST /v1/predictions HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
                b"Content-Length: 9000000\r\nExpect: 100-continue\r\n\r\n"
            )
            answer = connection.recv(4096)
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert time.monotonic() - started < 5, "the body was waited for"
