"""`/v1/predictions`: images in, results and pictures out."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import JSONResponse

from chexnet.classifier import NO_MAPS
from chexnet.service.archive import Archive
from chexnet.service.config import MEGA, ServiceConfig
from chexnet.service.documents import maps_json, prediction_json
from chexnet.service.openapi import PNG, RAW, UPLOADS, answers, upload_request
from chexnet.service.problems import Problem, overloaded, unknown_prediction
from chexnet.service.radiograph_reader import Choices, RadiographReader, Unread
from chexnet.service.renderings import image_png, image_raw, map_png, overlay_png
from chexnet.service.schemas import MapsSchema, PredictionSchema, PredictionsSchema
from chexnet.service.store import Result, ResultStore
from chexnet.service.streaming import Download
from chexnet.service.uploads import BodyBudget, Upload, is_form, read_uploads

Made = TypeVar("Made")

Id = Annotated[
    str,
    Path(
        pattern="^[A-Za-z0-9_-]{22}$",
        description="As the upload's answer gave it.",
        examples=["4kHnRUVBbDu4nDZgkQ0w7A"],
    ),
]
Finding = Annotated[str, Path(max_length=100, description="A finding of the model.", examples=["Pneumonia"])]
LongestSide = Annotated[
    int | None, Query(ge=32, le=20_000, description="Scale down so that no side has more pixels.")
]
Policy = Annotated[
    str | None, Query(max_length=100, description="Operating points to apply; the service's own by default.")
]
GateChoice = Annotated[
    bool | None,
    Query(description="Whether anything else than an upright frontal chest radiograph is refused."),
]
Window = Annotated[
    int, Query(ge=0, le=100, description="Which of a DICOM file's VOI LUTs and windows to apply, from 0.")
]
IncludeChoice = Annotated[
    str | None,
    Query(
        pattern="^(maps|contours)(,(maps|contours))*$",
        description="What the answer holds beyond links: maps, contours or both with a comma.",
    ),
]
Sha256 = Annotated[
    str | None, Query(pattern="^[0-9a-f]{64}$", description="Of the file as it was sent, in hexadecimal.")
]
InstanceUid = Annotated[
    str | None, Query(pattern="^[0-9.]{1,64}$", description="(0008,0018) SOP Instance UID of a DICOM file.")
]


def _included(include: str | None) -> list[Any]:
    return [] if include is None else include.split(",")


class Predictions:
    """The results of this process, and the way to new ones.

    Args:
        reader: reads images.
        store: keeps results in memory.
        config: of the service.
    """

    def __init__(self, reader: RadiographReader, store: ResultStore, config: ServiceConfig) -> None:
        self.reader = reader
        self.store = store
        self._config = config
        self._budget = BodyBudget(config.limits.memory_mb * MEGA)
        self._sending = BodyBudget(config.limits.memory_mb * MEGA, "downloads")
        self._archive = None if config.keep is None else Archive(config.keep)
        self._painters = ThreadPoolExecutor(2, "paint")
        self._painting = 0

    @property
    def body_bytes(self) -> int:
        """Memory for bodies that are being received or read."""
        return self._budget.used

    @property
    def download_bytes(self) -> int:
        """Memory for pictures that are being sent."""
        return self._sending.used

    async def add(self, request: Request, choices: Choices, include: list[Any]) -> list[dict[str, Any]]:
        """Read the request's images; their results, in order.

        Raises:
            Problem: the model has no such policy, or the images cannot be taken in.
        """
        self._check_policy(choices.policy)
        with self._budget.share() as share:
            uploads = await read_uploads(request, self._config.limits, share)
            outcomes = await self.reader.read(uploads, choices)
            return [
                await self._kept(upload, outcome, request, include)
                for upload, outcome in zip(uploads, outcomes, strict=True)
            ]

    def _check_policy(self, policy: str | None) -> None:
        known = self.reader.policies
        if policy is not None and policy not in known:
            names = ", ".join(known) or "none"
            raise Problem(
                422, "unknown-policy", "No such policy", f"No policy {policy!r}; there are: {names}."
            )

    async def _kept(
        self, upload: Upload, outcome: Result | Unread, request: Request, include: list[Any]
    ) -> dict[str, Any]:
        shown = await asyncio.to_thread(self.shown, outcome, request, include)
        if isinstance(outcome, Result):
            self.store.add(outcome)
            if self._archive is not None:
                await asyncio.to_thread(self._archive.keep, outcome.id, upload.content, shown)
        return shown

    def shown(self, outcome: Result | Unread, request: Request, include: list[Any]) -> dict[str, Any]:
        """The outcome's JSON, its links below the prefix of the request."""
        return prediction_json(
            outcome,
            identifiers=self._config.identifiers,
            root_path=request.scope.get("root_path", ""),
            include=include,
        )

    def look_up(self, sha256: str | None, sop_instance_uid: str | None) -> list[Result]:
        """The results of one file, the latest first.

        Raises:
            Problem: 422: nothing to look for; 403: by an identity that this service does not show.
        """
        if sha256 is None and sop_instance_uid is None:
            raise Problem(
                422,
                "nothing-to-look-up",
                "Nothing to look up",
                "Results are listed by file only; expected sha256 or sop_instance_uid.",
            )
        if sop_instance_uid is not None and not self._config.identifiers:
            raise Problem(
                403,
                "identifiers-hidden",
                "Identifiers are hidden",
                "This service shows no identifiers, so it finds nothing by them; use sha256, or start it "
                "with --show-identifiers.",
            )
        return self.store.find(sha256=sha256, sop_instance_uid=sop_instance_uid)

    def find(self, id: str, finding: str | None = None) -> Result:
        """The result of that id, which has that finding.

        Raises:
            Problem: 404.
        """
        result = self.store.get(id)
        if result is None:
            raise unknown_prediction()
        names = [entry.finding for entry in result.prediction.findings]
        if finding is not None and finding not in names:
            raise Problem(
                404,
                "unknown-finding",
                "No such finding",
                f"This result has {', '.join(names) or 'no findings: the image was refused'}.",
            )
        return result

    def find_mapped(self, id: str, finding: str | None = None) -> Result:
        """The result of that id, which has a map of that finding, or any maps.

        Raises:
            Problem: 404.
        """
        result = self.find(id, finding)
        prediction = result.prediction
        if prediction.maps is None:
            why = NO_MAPS if prediction.reason is None else "the image was refused"
            raise Problem(404, "no-maps", "No activation maps", f"There are none: {why}.")
        return result

    async def painted(self, paint: Callable[..., Made], *arguments: Any) -> Made:
        """Draw a picture off the event loop.

        Raises:
            Problem: 503: as many wait as may, or it took too long.
        """
        limits = self._config.limits
        if self._painting >= limits.queue:
            raise overloaded(f"{self._painting} pictures are waiting; at most {limits.queue} may wait.", 2.0)
        self._painting += 1
        try:
            async with asyncio.timeout(limits.timeout_s):
                return await asyncio.get_running_loop().run_in_executor(self._painters, paint, *arguments)
        except TimeoutError:
            raise overloaded(f"Not drawn within {limits.timeout_s} s; try again later.", 2.0) from None
        finally:
            self._painting -= 1

    def download(
        self, content: bytes, media_type: str = "image/png", headers: dict[str, str] | None = None
    ) -> Response:
        """An answer of that content."""
        return Download(content, media_type, self._sending, self._config.limits.timeout_s, headers)

    def close(self) -> None:
        """Release the threads."""
        self.reader.close()
        self._painters.shutdown(wait=False, cancel_futures=True)


def predictions_router(predictions: Predictions, most_images: int) -> APIRouter:
    """The routes of `/v1/predictions`; one form may hold so many images."""
    router = APIRouter(prefix="/v1/predictions", tags=["predictions"])

    @router.post(
        "",
        status_code=201,
        responses=answers(UPLOADS, 400, 408, 413, 415, 422, 503),
        openapi_extra=upload_request(most_images),
        response_model=None,
        summary="Read one image or several",
    )
    async def add(
        request: Request,
        policy: Policy = None,
        gate: GateChoice = None,
        window: Window = 0,
        include: IncludeChoice = None,
    ) -> Response:
        """The body is one image (PNG, JPEG or DICOM, decided by the content), or a form with several.

        One image is answered with its prediction, several with a list in their order. An image that is
        not a frontal chest radiograph is refused: that is a result with a reason, and a 201 like any
        other. A damaged file cannot be read: if that is all there is, the answer is a 422 whose
        `prediction` (or `predictions`) says why.
        """
        results = await predictions.add(request, Choices(policy, gate, window), _included(include))
        if all(result["status"] == "error" for result in results):
            raise _nothing_read(results, several=is_form(request))
        if is_form(request):
            return JSONResponse({"predictions": results}, 201)
        return JSONResponse(results[0], 201, {"Location": results[0]["links"]["self"]})

    @router.get("", responses=answers({}, 403, 422), summary="Look up the results of a file")
    async def look_up(
        request: Request, sha256: Sha256 = None, sop_instance_uid: InstanceUid = None
    ) -> PredictionsSchema:
        """Results that are still kept, the latest first; none where there are none."""
        found = predictions.look_up(sha256, sop_instance_uid)
        shown = [predictions.shown(result, request, []) for result in found]
        return PredictionsSchema.model_validate({"predictions": shown})

    @router.get("/{id}", responses=answers({}, 404, 422), summary="A result")
    async def get(request: Request, id: Id, include: IncludeChoice = None) -> PredictionSchema:
        """The same JSON that the upload was answered with."""
        found = predictions.find(id)
        return PredictionSchema.model_validate(predictions.shown(found, request, _included(include)))

    @router.delete("/{id}", status_code=204, responses=answers({}, 404, 422), summary="Forget a result")
    async def delete(id: Id) -> None:
        """Remove the image and its result from memory now. What `--keep` wrote stays."""
        if not predictions.store.remove(id):
            raise unknown_prediction()

    @router.get("/{id}/maps", responses=answers({}, 404, 422), summary="All maps as numbers")
    async def maps(id: Id) -> MapsSchema:
        """Activation maps and evidence of all findings."""
        return MapsSchema.model_validate(maps_json(predictions.find_mapped(id)))

    _add_pictures(router, predictions)
    return router


def _add_pictures(router: APIRouter, predictions: Predictions) -> None:
    @router.get(
        "/{id}/film.png", responses=answers(PNG, 404, 422, 503), response_class=Response, summary="The image"
    )
    async def image(id: Id, longest_side: LongestSide = None, bits: Literal["8", "16"] = "8") -> Response:
        """Grey, windowed as read: air dark, bone bright."""
        found = predictions.find(id).image
        return predictions.download(await predictions.painted(image_png, found, longest_side, int(bits)))

    @router.get(
        "/{id}/film.raw",
        responses=answers(RAW, 404, 422, 503),
        response_class=Response,
        summary="Grey values",
    )
    async def raw(id: Id, longest_side: LongestSide = None) -> Response:
        """Row by row, one byte a pixel or two (little endian) as the headers say; 0 is black."""
        found = predictions.find(id).image
        content, width, height = await predictions.painted(image_raw, found, longest_side)
        headers = {"Film-Width": str(width), "Film-Height": str(height), "Film-Bits": str(found.bits)}
        return predictions.download(content, "application/octet-stream", headers)

    @router.get(
        "/{id}/maps/{finding}.png",
        responses=answers(PNG, 404, 422, 503),
        response_class=Response,
        summary="A map to lay over the image",
    )
    async def map_(id: Id, finding: Finding) -> Response:
        """Evidence for the finding in orange, against it in blue, transparent where there is none."""
        return predictions.download(
            await predictions.painted(map_png, predictions.find_mapped(id, finding), finding)
        )

    @router.get(
        "/{id}/overlays/{finding}.png",
        responses=answers(PNG, 404, 422, 503),
        response_class=Response,
        summary="A picture for people",
    )
    async def overlay(id: Id, finding: Finding) -> Response:
        """The image beside its map, with caption, colour bar and notice."""
        return predictions.download(
            await predictions.painted(overlay_png, predictions.find_mapped(id, finding), finding)
        )


def _nothing_read(results: Sequence[dict[str, Any]], *, several: bool) -> Problem:
    members = {"predictions": list(results)} if several else {"prediction": results[0]}
    detail = "; ".join(f"{result['image']}: {result['reason']}" for result in results)
    return Problem(422, "unreadable", "Not a readable image", detail, **members)
