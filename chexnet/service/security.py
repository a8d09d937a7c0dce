"""Who may call, under which name, from which page; and the headers that go with every answer."""

import asyncio
import hashlib
import hmac
import time
from collections.abc import Sequence
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chexnet.service.config import MEGA, ServiceConfig, is_prefix
from chexnet.service.metrics import Metrics
from chexnet.service.problems import Problem, overloaded

_CONTENT_SECURITY_POLICY = (
    "default-src 'none'",
    "script-src 'self'",
    # The one style element that OpenSeadragon adds, known by its hash.
    "style-src 'self' 'sha256-9xTiqzfwFaL2SGb1rmr8gysEwVVjIvqWAgmZgqFqpEE='",
    "img-src 'self' blob: data:",
    "connect-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
)
"""Nothing inline, nothing from elsewhere, and no string ever becomes HTML."""

_HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def security_headers(frame_ancestors: Sequence[str] = ()) -> dict[str, str]:
    """Headers of every answer; only these sites may show the page in a frame."""
    ancestors = " ".join(frame_ancestors) or "'none'"
    policy = "; ".join((*_CONTENT_SECURITY_POLICY, f"frame-ancestors {ancestors}"))
    headers = {**_HEADERS, "Content-Security-Policy": policy}
    # The older header can only forbid all of them.
    return headers if frame_ancestors else {**headers, "X-Frame-Options": "DENY"}


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_DRAIN_S = 10

_bearer = HTTPBearer(auto_error=False, description="An API key, where the service was started with any.")
_header = APIKeyHeader(name="X-API-Key", auto_error=False, description="The same, as a header of its own.")


class Keys:
    """The API keys, compared in constant time.

    Args:
        keys: any of them opens; none means open to all.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        # Digests have one length, so that the comparison does not tell the key's.
        self._digests = [_digest(key) for key in keys]

    def opens(self, key: str | None) -> bool:
        """Whether a request with this key may pass."""
        if not self._digests:
            return True
        presented = _digest(key or "")
        # All are compared, whichever matches.
        matches = [hmac.compare_digest(presented, digest) for digest in self._digests]
        return any(matches)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def require_key(
    request: Request,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    header: Annotated[str | None, Depends(_header)],
) -> None:
    """Dependency of everything that shows or takes images.

    Raises:
        Problem: 401 without a valid key.
    """
    if not request.app.state.keys.opens(bearer.credentials if bearer else header):
        raise Problem(
            401,
            "unauthorised",
            "An API key is needed",
            "Send a valid key as Authorization: Bearer KEY or X-API-Key: KEY.",
            headers={"WWW-Authenticate": "Bearer"},
        )


class Guard:
    """Wraps the application: host names, other sites' pages, headers, metrics.

    Args:
        app: what it guards.
        config: of the service.
        metrics: told of every answer.
    """

    def __init__(self, app: ASGIApp, config: ServiceConfig, metrics: Metrics) -> None:
        self._app = app
        self._config = config
        self._metrics = metrics
        self._headers = security_headers(config.frame_ancestors)
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # What GET answers, HEAD answers without the body.
        head = scope["method"] == "HEAD"
        scope = self._below_prefix({**scope, "method": "GET"} if head else scope)
        started = time.monotonic()
        awaited = Headers(scope=scope).get("expect", "").lower() == "100-continue"
        body = _Body(receive, self._config.limits.upload_mb * MEGA, awaited=awaited)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(message, self._headers)
                self._count(scope, message["status"], time.monotonic() - started)
                if message["status"] >= 400 and message["status"] != 408:
                    await body.drain()
            elif head:
                message = {**message, "body": b""}
            await send(message)

        problem = self._objection(Headers(scope=scope))
        self._open += 1
        try:
            served = self._app if problem is None else problem.response()
            if problem is None and scope["path"] == scope.get("root_path"):
                # The page's addresses are relative, so its own must end with a slash.
                served = RedirectResponse(f"{scope['path']}/", 308)
            await served(scope, body.receive, answer)
        finally:
            self._open -= 1

    def _below_prefix(self, scope: Scope) -> Scope:
        """The request as it is below the prefix that a proxy adds, whether or not it takes it away again."""
        prefix = self._config.root_path
        client = scope.get("client")
        if client is not None and client[0] in self._config.trusted_proxies:
            forwarded = Headers(scope=scope).get("x-forwarded-prefix", "").rstrip("/")
            prefix = forwarded if is_prefix(forwarded) else prefix
        if not prefix:
            return scope
        path = scope["path"]
        whole = path if path == prefix or path.startswith(f"{prefix}/") else prefix + path
        return {**scope, "root_path": prefix, "path": whole}

    def _objection(self, headers: Headers) -> Problem | None:
        if self._open >= self._config.limits.connections:
            return overloaded("Too many requests at the same time; try again later.", 2.0)
        host = headers.get("host", "")
        name = urlsplit(f"//{host}").hostname if _plausible(host) else None
        if self._config.hosts and name not in self._config.hosts:
            return Problem(
                421,
                "unknown-host",
                "Not a name of this service",
                "The Host header names another service; start this one with --allowed-host to add a name.",
            )
        origin = headers.get("origin")
        if origin is None or origin in self._config.origins:
            return None
        # "same-origin" is only sent by browsers, which do not let pages forge it.
        if headers.get("sec-fetch-site") == "same-origin" or origin.split("://")[-1] == host:
            return None
        return Problem(
            403,
            "cross-origin",
            "Another site's page",
            "Pages of other sites may not call this service; start it with --cors-origin to allow one.",
        )

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "other")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._metrics.request(method, route, status, seconds)


class _Body:
    """The request's body on its way, so that what an early refusal left of it can be taken in.

    A server that answers and closes while the client still sends resets the connection, and the client
    never sees the answer. A client that asked whether it may send (Expect: 100-continue) has sent nothing.

    Args:
        receive: ASGI.
        most_bytes: more is not taken in.
        awaited: whether the client waits for a word before it sends the body.
    """

    def __init__(self, receive: Receive, most_bytes: int, *, awaited: bool) -> None:
        self._receive = receive
        self._most_bytes = most_bytes
        self._complete = False
        self._awaited = awaited

    async def receive(self) -> Message:
        self._awaited = False
        message = await self._receive()
        if message["type"] != "http.request" or not message.get("more_body", False):
            self._complete = True
        return message

    async def drain(self) -> None:
        if self._awaited:
            return
        taken = 0
        try:
            async with asyncio.timeout(_DRAIN_S):
                while not self._complete and taken <= self._most_bytes:
                    taken += len((await self.receive()).get("body", b""))
        except TimeoutError:
            return


def _plausible(host: str) -> bool:
    return bool(host) and not set(host) & set("/?#@\\ ")


def _add_headers(message: Message, known: dict[str, str]) -> None:
    headers = MutableHeaders(scope=message)
    for name, value in known.items():
        headers.setdefault(name, value)
    headers.setdefault("Cache-Control", "no-store")
