"""One error shape: problem details (RFC 9457)."""

import math
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """An answer other than the one asked for.

    Attributes:
        status: HTTP status code.
        kind: what went wrong, for programs: the end of ``type``.
        title: the same, for people; equal for all problems of one kind.
        detail: this occurrence: what arrived, what was expected, what to do.
        headers: of the answer.
        members: extension members (RFC 9457, section 3.2).
    """

    def __init__(
        self,
        status: int,
        kind: str,
        title: str,
        detail: str,
        *,
        headers: dict[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(detail)
        self.status, self.kind, self.title, self.detail = status, kind, title, detail
        self.headers = headers or {}
        self.members = members

    def response(self) -> JSONResponse:
        """As it is sent."""
        content = {
            "type": f"urn:chexnet:problem:{self.kind}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            **self.members,
        }
        return JSONResponse(content, self.status, self.headers, MEDIA_TYPE)


def overloaded(detail: str, retry_after_s: float) -> Problem:
    """503: come back later."""
    headers = {"Retry-After": str(max(1, math.ceil(retry_after_s)))}
    return Problem(503, "overloaded", "The service is busy", detail, headers=headers)


def too_large(detail: str) -> Problem:
    """413: a body beyond the limit."""
    return Problem(413, "too-large", "The upload is too large", detail)


def unknown_prediction() -> Problem:
    """404: never there, or forgotten by now."""
    return Problem(
        404,
        "unknown-prediction",
        "No such prediction",
        "No prediction has this id; results are forgotten after a while, so upload the image again.",
    )


def answer_with_problems(app: FastAPI) -> None:
    """Make every error of `app` a problem."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


async def _problem(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    return error.response()


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    # Only where and why: the rejected input itself is not sent back.
    errors = [{"where": ".".join(map(str, e["loc"])), "why": e["msg"]} for e in error.errors()]
    where = ", ".join(e["where"] for e in errors)
    return Problem(
        422, "invalid-request", "The request is not valid", f"{where}: see errors", errors=errors
    ).response()


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    title = HTTPStatus(error.status_code).phrase
    kind = title.lower().replace(" ", "-")
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(sorted(_methods(request)))
    return Problem(error.status_code, kind, title, str(error.detail), headers=headers).response()


def _methods(request: Request) -> set[str]:
    """Of all routes of the path; the framework names only those of the first one."""
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    matching = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    return set().union(*(route.methods or set() for route in matching))


async def _unexpected(_: Request, __: Exception) -> JSONResponse:
    # The server's log has the traceback; the answer tells nothing of the inside.
    return Problem(
        500, "internal-error", "Internal error", "The service failed; its log says why."
    ).response()
