"""uvicorn as the service runs it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from chexnet.service.config import Limits

HEADER_S = 20
"""Clients that dribble headers would otherwise hold a connection for ever; bodies have their own limit."""

_OTHER_FILES = 128

_CONNECTION = "chexnet.connection"


def http_server(
    app: ASGIApp, limits: Limits, *, host: str = "127.0.0.1", port: int = 0, log_requests: bool = False
) -> uvicorn.Server:
    """An HTTP/1.1 server for `app`; `run()` returns after SIGINT or SIGTERM, when all images are read.

    Raises this process's limit of open files, as far as the system lets it, to what `limits` allow.
    """
    # Idle connections count here as well; the answer is bare, so the application refuses first.
    most = 2 * limits.connections
    _allow_open_files(most + _OTHER_FILES)
    return uvicorn.Server(
        uvicorn.Config(
            _counted(app),
            host,
            port,
            http=_PatientConnection,
            access_log=log_requests,
            server_header=False,
            # The application itself decides which proxies it believes, by the address that really called.
            proxy_headers=False,
            limit_concurrency=most,
            timeout_keep_alive=15,
            timeout_graceful_shutdown=limits.timeout_s,
            h11_max_incomplete_event_size=16 * 1024,
        )
    )


def _allow_open_files(count: int) -> None:
    """The usual soft limit, 1024, would let that many idle connections lock everybody out."""
    try:
        import resource
    except ModuleNotFoundError:
        # Windows has no such limit.
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY not in (soft, hard):
        count = min(count, hard)
    if soft != resource.RLIM_INFINITY and soft < count:
        # Some systems refuse more than a limit that they do not tell.
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


class _PatientConnection(asyncio.Protocol):
    """One client's connection: uvicorn's own protocol, closed where no request comes for `HEADER_S` seconds.

    uvicorn has no time limit for the head of a request. This stands between the transport and uvicorn's
    protocol, hands everything on, and counts the requests that reach the application: it travels with them
    in the state of their scope (ASGI, "Lifespan State").

    Args:
        app_state: the application's state, as uvicorn hands it to a protocol.
        options: the other arguments of a protocol.
    """

    def __init__(self, app_state: dict[str, Any], **options: Any) -> None:
        self._inner = H11Protocol(app_state={**app_state, _CONNECTION: self}, **options)
        self._begun = self._open = 0

    @contextmanager
    def answering(self) -> Iterator[None]:
        """A request of this connection is with the application."""
        self._begun += 1
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to watch the new connection."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._inner.connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Hand on what arrived."""
        self._inner.data_received(data)

    def eof_received(self) -> None:
        """Hand on that nothing more arrives."""
        self._inner.eof_received()

    def pause_writing(self) -> None:
        """Hand on that the client takes nothing at the moment."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Hand on that the client takes more."""
        self._inner.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        """Hand on that the connection is closed, and stop watching it."""
        self._timer.cancel()
        self._inner.connection_lost(error)

    def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(HEADER_S, self._close_or_watch, self._begun)

    def _close_or_watch(self, begun: int) -> None:
        if self._open or self._begun > begun:
            self._watch()
        else:
            self._transport.close()


def _counted(app: ASGIApp) -> ASGIApp:
    """`app`, with each request counted at its connection."""

    async def counted(scope: Scope, receive: Receive, send: Send) -> None:
        connection = scope.get("state", {}).pop(_CONNECTION, None)
        with nullcontext() if connection is None else connection.answering():
            await app(scope, receive, send)

    return counted
