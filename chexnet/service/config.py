"""What the service allows, as frozen dataclasses; impossible values refuse to exist."""

import re
from dataclasses import dataclass, fields
from pathlib import Path

from chexnet._options import option

MEGA = 2**20

_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+")
_SITE = re.compile(r"https?://[A-Za-z0-9.*-]+(:[0-9]+)?")


def is_prefix(path: str) -> bool:
    """Whether it can stand before the service's paths: segments of plain characters, no slash at the end."""
    return len(path) <= 200 and _PREFIX.fullmatch(path) is not None and "/.." not in path


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
        root_path: prefix under which a proxy shows the service, such as "/chexnet".
        trusted_proxies: addresses of proxies whose X-Forwarded-Prefix header is believed.
        frame_ancestors: sites that may show the page in a frame, such as a PACS; none is the default.
        identifiers: whether patient ID, accession number and UIDs are part of the answers.
    """

    limits: Limits = Limits()
    api_keys: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    keep: Path | None = None
    gate: bool = True
    identifiers: bool = False
    root_path: str = ""
    trusted_proxies: tuple[str, ...] = ()
    frame_ancestors: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.root_path and not is_prefix(self.root_path):
            raise ValueError(f"the root path is {self.root_path!r}; expected a path such as /chexnet")
        for site in self.frame_ancestors:
            if not _SITE.fullmatch(site):
                raise ValueError(
                    f"the frame ancestor is {site!r}; expected a site such as https://pacs.example"
                )
        # Header values are compared as ASCII; a short key can be guessed.
        if any(len(key) < 16 or not key.isascii() or not key.isprintable() for key in self.api_keys):
            raise ValueError("an API key is shorter than 16 characters or not printable ASCII")
        if "*" in self.origins:
            raise ValueError('CORS origin "*" would open the service to every web site; name the sites')
