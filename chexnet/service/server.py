"""uvicorn as the service runs it."""

import asyncio
from contextlib import suppress

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from chexnet.service.config import Limits

HEADER_S = 20
"""Clients that dribble headers would otherwise hold a connection for ever; bodies have their own limit."""

_OTHER_FILES = 128


def http_server(
    app: ASGIApp, limits: Limits, *, host: str = "127.0.0.1", port: int = 0, log_requests: bool = False
) -> uvicorn.Server:
    """An HTTP/1.1 server for `app`; `run()` returns after SIGINT or SIGTERM, when all films are read.

    Raises this process's limit of open files, as far as the system lets it, to what `limits` allow.
    """
    # Idle connections count here as well; the answer is bare, so the application refuses first.
    most = 2 * limits.connections
    _allow_open_files(most + _OTHER_FILES)
    return uvicorn.Server(
        uvicorn.Config(
            app,
            host,
            port,
            http=_PatientProtocol,
            access_log=log_requests,
            server_header=False,
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


class _PatientProtocol(H11Protocol):
    """Closes a connection on which no request has begun within `HEADER_S` seconds."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected."""
        super().connection_made(transport)
        self._watch(None)

    def _watch(self, last: object) -> None:
        self._watching = self.loop.call_later(HEADER_S, self._look, last)

    def _look(self, last: object) -> None:
        # `cycle` is the latest request: a new one each time headers are complete.
        if self.transport.is_closing():
            return
        if self.conn.their_state is h11.IDLE and self.cycle is last:
            self.transport.close()
        else:
            self._watch(self.cycle)
