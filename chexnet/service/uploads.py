"""Request bodies: taken in whole, in memory, within limits of size, number and time."""

import asyncio
import re
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import unquote

from fastapi import Request
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from chexnet.service.config import MEGA, Limits
from chexnet.service.problems import Problem, overloaded, too_large

RAW_TYPES = ("image/png", "image/jpeg", "application/dicom", "application/octet-stream")
"""An image as the body itself. What it really is, its content decides."""

MAX_NAME = 200

# Not email.message's parser: some continued parameters (RFC 2231) make it fail.
_ENCODED_NAME = re.compile(r"filename\*\s*=\s*utf-8''([^;\s]*)", re.IGNORECASE)
_PLAIN_NAME = re.compile(r'(?:^|;)\s*filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]*))', re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Upload:
    """One file of a request.

    Attributes:
        name: as the client calls it, without folders; shown, never used as a path.
        content: its bytes.
    """

    name: str
    content: bytes


class BodyBudget:
    """Memory for bodies, shared by all requests.

    Args:
        most_bytes: of all bodies together.
        kind: of bodies, for people.
    """

    def __init__(self, most_bytes: int, kind: str = "uploads") -> None:
        self._most_bytes = most_bytes
        self._kind = kind
        self.used = 0

    @contextmanager
    def share(self) -> "Iterator[BodyShare]":
        """A request's part, given back at its end."""
        share = BodyShare(self)
        try:
            yield share
        finally:
            self.used -= share.taken

    def take(self, count: int) -> None:
        """Count bytes as used.

        Raises:
            Problem: there is no room for them.
        """
        if self.used + count > self._most_bytes:
            raise overloaded(f"Too many {self._kind} at the same time; try again later.", 2.0)
        self.used += count


class BodyShare:
    """What one request has taken from the budget."""

    def __init__(self, budget: BodyBudget) -> None:
        self._budget = budget
        self.taken = 0

    def take(self, count: int) -> None:
        """Count bytes of this request as used."""
        self._budget.take(count)
        self.taken += count


async def read_uploads(request: Request, limits: Limits, share: BodyShare) -> list[Upload]:
    """The images of a request: its body as it is, or the files of a multipart form.

    Raises:
        Problem: too large, too slow, too many, of no accepted type, or not well formed.
    """
    _check_declared_length(request, limits)
    media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    try:
        async with asyncio.timeout(limits.upload_timeout_s):
            if media_type == "multipart/form-data":
                return await _form(request, limits, share)
            if media_type in RAW_TYPES:
                return [await _raw(request, limits, share)]
    except TimeoutError:
        raise Problem(
            408,
            "slow-upload",
            "The upload took too long",
            f"The body did not arrive within {limits.upload_timeout_s} s; the limit is the server's.",
            headers={"Connection": "close"},
        ) from None
    except ClientDisconnect as error:
        raise Problem(400, "disconnected", "The upload broke off", "The client went away.") from error
    raise Problem(
        415,
        "unsupported-media-type",
        "Unsupported media type",
        f"Content-Type is {media_type!r}; expected multipart/form-data or {', '.join(RAW_TYPES)}.",
        headers={"Accept-Post": ", ".join(("multipart/form-data", *RAW_TYPES))},
    )


def is_form(request: Request) -> bool:
    """Whether the request may hold several images."""
    return request.headers.get("content-type", "").lower().lstrip().startswith("multipart/form-data")


def shown_name(name: str) -> str:
    """The last part of a path of any system, without control characters, of a bounded length."""
    last = re.split(r"[/\\]", name)[-1]
    printable = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in last).strip()
    return printable[:MAX_NAME] or "image"


def _check_declared_length(request: Request, limits: Limits) -> None:
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limits.upload_mb * MEGA:
        raise too_large(f"{int(declared)} bytes; at most {limits.upload_mb} MiB in one request.")


async def _within(request: Request, limits: Limits, share: BodyShare) -> AsyncGenerator[bytes, None]:
    """The body's chunks, counted: the declared length may be missing."""
    async for chunk in request.stream():
        share.take(len(chunk))
        if share.taken > limits.upload_mb * MEGA:
            raise too_large(f"More than {limits.upload_mb} MiB in one request.")
        yield chunk


async def _raw(request: Request, limits: Limits, share: BodyShare) -> Upload:
    content = b"".join([chunk async for chunk in _within(request, limits, share)])
    return Upload(_disposed_name(request.headers.get("content-disposition", "")), content)


def _disposed_name(disposition: str) -> str:
    """The file name of a Content-Disposition (RFC 6266), percent-encoded UTF-8 or plain."""
    if encoded := _ENCODED_NAME.search(disposition):
        return shown_name(unquote(encoded[1], errors="replace"))
    if plain := _PLAIN_NAME.search(disposition):
        quoted, token = plain.groups()
        return shown_name(_utf8(token if quoted is None else re.sub(r'\\(["\\])', r"\1", quoted)))
    return shown_name("")


def _utf8(header: str) -> str:
    """Headers arrive as Latin-1; most clients mean UTF-8."""
    try:
        return header.encode("latin-1").decode()
    except UnicodeError:
        return header


class _InMemory(MultiPartParser):
    # Never roll over to a temporary file: the body is bounded, and images leave no trace on the disk.
    spool_max_size = 2**62


async def _form(request: Request, limits: Limits, share: BodyShare) -> list[Upload]:
    parser = _InMemory(
        request.headers,
        _within(request, limits, share),
        max_files=limits.films_per_request,
        max_fields=limits.films_per_request,
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise Problem(400, "bad-form", "The form is not valid", error.message) from error
    files = [value for _, value in form.multi_items() if not isinstance(value, str)]
    if not files:
        raise Problem(
            400,
            "bad-form",
            "The form is not valid",
            "No file in the form; expected at least one part with a file name.",
        )
    return [Upload(shown_name(file.filename or ""), await file.read()) for file in files]
