"""The application: one classifier behind REST, and the page in front of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Response
from fastapi.openapi.utils import get_openapi
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from pydantic.json_schema import models_json_schema
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from chexnet._version import __version__
from chexnet.classifier import NOTICE, Classifier
from chexnet.service.config import MEGA, ServiceConfig
from chexnet.service.documents import SOFTWARE, card_json
from chexnet.service.metrics import MEDIA_TYPE, Metrics
from chexnet.service.openapi import PROMETHEUS, SCHEMAS, answers, with_examples
from chexnet.service.problems import answer_with_problems, overloaded
from chexnet.service.radiograph_reader import RadiographReader, warm_up
from chexnet.service.routes import Predictions, predictions_router
from chexnet.service.schemas import CardSchema, HealthSchema, ReadySchema
from chexnet.service.security import Guard, Keys, require_key
from chexnet.service.store import ResultStore

STATIC = Path(__file__).with_name("static")
_SWEEP_S = 30
_DEFAULTS = ServiceConfig()

_REVALIDATED = {"Cache-Control": "no-cache"}
"""The page's files change with the software: browsers keep them and ask each time."""


def create_app(classifier: Classifier, config: ServiceConfig = _DEFAULTS) -> ASGIApp:
    """The service as an ASGI application, for any server of that kind; `chexnet serve` uses uvicorn.

    Args:
        classifier: reads every image.
        config: limits, keys, names.

    Raises:
        OSError: the folder to keep images in cannot be made.
    """
    metrics = Metrics()
    metrics.built(classifier.identity)
    limits = config.limits
    store = ResultStore(limits.results, limits.results_mb * MEGA, limits.results_minutes * 60)
    predictions = Predictions(RadiographReader(classifier, limits, metrics, gate=config.gate), store, config)
    _show_gauges(metrics, predictions)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(warm_up, classifier)
        sweeping = asyncio.create_task(_sweep(store))
        yield
        sweeping.cancel()
        predictions.close()

    # No interactive documentation: it would load scripts from elsewhere. No tracing, whatever the
    # environment says: FastAPI's would send paths, and the id in a path is the right to see its result.
    app = FastAPI(
        title="chexnet",
        version=__version__,
        summary="14 thoracic pathologies from a frontal chest radiograph, with class activation maps.",
        description=NOTICE,
        docs_url=None,
        redoc_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        lifespan=lifespan,
    )
    app.state.keys = Keys(config.api_keys)
    protected = APIRouter(
        dependencies=[Depends(require_key)] if config.api_keys else [],
        responses=answers({}, 401) if config.api_keys else {},
    )
    protected.include_router(predictions_router(predictions, limits.films_per_request))
    protected.include_router(_about(classifier, metrics))
    app.include_router(protected)
    _add_health(app, predictions, config)
    answer_with_problems(app)
    _complete_openapi(app, config.root_path)
    _add_page(app)
    if config.origins:
        _open_to(app, config)
    return Guard(app, config, metrics)


def _about(classifier: Classifier, metrics: Metrics) -> APIRouter:
    router = APIRouter()
    card = CardSchema.model_validate(card_json(classifier))

    @router.get("/v1/model", tags=["model"], summary="The model card")
    async def model() -> CardSchema:
        """What the model finds, how well, on which images that was measured, and what it is not for."""
        return card

    @router.get(
        "/metrics",
        tags=["operation"],
        response_class=Response,
        responses=PROMETHEUS,
        summary="Counters for Prometheus",
    )
    async def metrics_() -> Response:
        """Requests, images, batches, queue and memory. No image's name or id."""
        return Response(metrics.text(), media_type=MEDIA_TYPE)

    return router


def _add_health(app: FastAPI, predictions: Predictions, config: ServiceConfig) -> None:
    @app.get("/healthz", tags=["operation"], summary="Whether the service is there")
    async def healthz() -> HealthSchema:
        """Answers as soon as the model is loaded and warm."""
        return HealthSchema(status="ok", software=SOFTWARE, keeps_films=config.keep is not None)

    @app.get(
        "/readyz",
        tags=["operation"],
        responses=answers({}, 503),
        summary="Whether more images can be taken now",
    )
    async def readyz() -> ReadySchema:
        """503 while as many images wait as may."""
        waiting, most = predictions.reader.waiting, config.limits.queue
        if waiting >= most:
            raise overloaded(
                f"{waiting} images are waiting; no more may wait.", predictions.reader.retry_after_s()
            )
        return ReadySchema(status="ready", waiting=waiting, room=most - waiting)


def _add_page(app: FastAPI) -> None:
    app.mount("/static", _Static(directory=STATIC), "static")

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        """The page."""
        return FileResponse(STATIC / "index.html", headers=_REVALIDATED)


class _Static(StaticFiles):
    def file_response(self, *arguments: Any, **options: Any) -> Response:
        response: Response = super().file_response(*arguments, **options)
        response.headers.update(_REVALIDATED)
        return response


def _show_gauges(metrics: Metrics, predictions: Predictions) -> None:
    metrics.gauge("chexnet_queue_films", "Images waiting or being read.", lambda: predictions.reader.waiting)
    metrics.gauge("chexnet_bodies_bytes", "Memory of uploads.", lambda: predictions.body_bytes)
    metrics.gauge("chexnet_downloads_bytes", "Memory of renderings.", lambda: predictions.download_bytes)
    metrics.gauge("chexnet_results", "Results in memory.", lambda: len(predictions.store))
    metrics.gauge("chexnet_results_bytes", "Memory of results.", lambda: predictions.store.nbytes)


async def _sweep(store: ResultStore) -> None:
    """Forget expired results also while nobody calls."""
    with suppress(asyncio.CancelledError):
        while True:
            await asyncio.sleep(_SWEEP_S)
            store.sweep()


def _open_to(app: FastAPI, config: ServiceConfig) -> None:
    app.add_middleware(
        CORSMiddleware,
        allow_origins=config.origins,
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=["Authorization", "Content-Type", "Content-Disposition", "X-API-Key"],
        expose_headers=["Location", "Retry-After", "Film-Width", "Film-Height", "Film-Bits"],
    )


def _complete_openapi(app: FastAPI, root_path: str) -> None:
    """Define the schemas that only references name, and drop FastAPI's own error shape."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            drawn = get_openapi(
                title=app.title,
                version=app.version,
                summary=app.summary,
                description=app.description,
                routes=app.routes,
                servers=[{"url": root_path}] if root_path else None,
            )
            _, definitions = models_json_schema(
                [(schema, "serialization") for schema in SCHEMAS],
                ref_template="#/components/schemas/{model}",
            )
            schemas = drawn.setdefault("components", {}).setdefault("schemas", {})
            schemas.update(definitions["$defs"])
            for name in ("HTTPValidationError", "ValidationError"):
                schemas.pop(name, None)
            app.openapi_schema = with_examples(drawn)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]
