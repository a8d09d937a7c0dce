"""Pictures on their way to the client: bounded in memory, and not for ever."""

import asyncio

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from chexnet.service.uploads import BodyBudget

_PIECE = 256 * 1024


class Download(Response):
    """A body that is sent in pieces, as fast as the client takes them.

    Sent at once, it would wait in the server's memory for as long as a slow client likes, beyond any limit.

    Args:
        content: the body.
        media_type: what it is.
        budget: memory for all bodies that are being sent.
        timeout_s: in which the client must take each piece; one that does not is cut off.
        headers: beside the usual ones.
    """

    def __init__(
        self,
        content: bytes,
        media_type: str,
        budget: BodyBudget,
        timeout_s: int,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(content, headers=headers, media_type=media_type)
        self._budget = budget
        self._timeout_s = timeout_s

    async def __call__(self, _: Scope, __: Receive, send: Send) -> None:
        """ASGI.

        Raises:
            Problem: there is no memory for it now.
        """
        with self._budget.share() as share:
            share.take(len(self.body))
            await send(
                {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            )
            try:
                for start in range(0, len(self.body), _PIECE):
                    piece = bytes(self.body[start : start + _PIECE])
                    async with asyncio.timeout(self._timeout_s):
                        await send({"type": "http.response.body", "body": piece, "more_body": True})
            except TimeoutError:
                # An answer without its end: the server closes the connection.
                return
            await send({"type": "http.response.body", "body": b""})
