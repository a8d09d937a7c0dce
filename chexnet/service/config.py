"""What the service allows, as frozen dataclasses; impossible values refuse to exist."""

from dataclasses import dataclass, fields
from pathlib import Path

from chexnet._options import option

MEGA = 2**20


@dataclass(frozen=True)
class Limits:
    """How much one process takes on. Beyond a limit a request is answered with a problem, never dropped.

    Raises:
        ValueError: a limit is not positive.
    """

    upload_mb: int = option(64, "Largest body of one request, in MiB.")
    megapixels: int = option(40, "Largest image, in megapixels.")
    decoding_megapixels: int = option(120, "Images decoded at the same time, in megapixels; others wait.")
    films_per_request: int = option(20, "Most images in one request.")
    queue: int = option(256, "Images that may wait, and renderings; more are answered 503 with Retry-After.")
    memory_mb: int = option(512, "Memory for uploads, and as much for renderings, in MiB; beyond it, 503.")
    batch: int = option(8, "Most images in one forward pass.")
    connections: int = option(1024, "Requests at the same time; more are answered 503.")
    upload_timeout_s: int = option(60, "Seconds in which a body must arrive.")
    timeout_s: int = option(60, "Seconds in which an image must be read, waiting included.")
    results: int = option(500, "Results kept in memory; the oldest go first.")
    results_mb: int = option(512, "Memory for results and their images, in MiB; the oldest go first.")
    results_minutes: int = option(60, "Minutes after which a result is forgotten.")

    def __post_init__(self) -> None:
        for entry in fields(self):
            if getattr(self, entry.name) <= 0:
                raise ValueError(
                    f"{entry.name} is {getattr(self, entry.name)}; expected a number greater than zero"
                )


@dataclass(frozen=True)
class ServiceConfig:
    """How the service behaves.

    Attributes:
        limits: what one process takes on.
        api_keys: any of them opens `/v1` and `/metrics`; none leaves both open.
        hosts: host names under which the service may be addressed, against DNS rebinding; none allows any.
        origins: other sites whose pages may call the service (CORS); none is the default.
        keep: folder for images and results, which otherwise end with the process.
        gate: whether anything that is not an upright frontal chest radiograph is refused.
        identifiers: whether patient ID, accession number and UIDs are part of the answers.
    """

    limits: Limits = Limits()
    api_keys: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    keep: Path | None = None
    gate: bool = True
    identifiers: bool = False

    def __post_init__(self) -> None:
        # Header values are compared as ASCII; a short key can be guessed.
        if any(len(key) < 16 or not key.isascii() or not key.isprintable() for key in self.api_keys):
            raise ValueError("an API key is shorter than 16 characters or not printable ASCII")
        if "*" in self.origins:
            raise ValueError('CORS origin "*" would open the service to every web site; name the sites')
