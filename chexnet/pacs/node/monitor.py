"""/healthz, /readyz and /metrics of the node, for supervisors and Prometheus."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest


class Monitor:
    """A small HTTP server.

    Args:
        problems: what keeps the node from working now; empty when it is ready.
        port: 0 takes any free one.

    Raises:
        OSError: the port cannot be listened on.
    """

    def __init__(
        self, registry: CollectorRegistry, problems: Callable[[], list[str]], *, host: str, port: int
    ) -> None:
        class Handler(BaseHTTPRequestHandler):
            timeout = 10

            def do_GET(self) -> None:
                if self.path == "/healthz":
                    self._answer(200, "text/plain", b"alive\n")
                elif self.path == "/readyz":
                    found = problems()
                    self._answer(503 if found else 200, "text/plain", "\n".join([*found, ""]).encode())
                elif self.path == "/metrics":
                    self._answer(200, CONTENT_TYPE_LATEST, generate_latest(registry))
                else:
                    self._answer(404, "text/plain", b"expected /healthz, /readyz or /metrics\n")

            def _answer(self, status: int, kind: str, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Scrapes are not logged."""

        self._server = ThreadingHTTPServer((host, port), Handler)
        self.port: int = self._server.server_address[1]

    def start(self) -> None:
        """Serve on a thread of its own."""
        threading.Thread(target=self._server.serve_forever, name="monitor", daemon=True).start()

    def stop(self) -> None:
        """End."""
        self._server.shutdown()
        self._server.server_close()
