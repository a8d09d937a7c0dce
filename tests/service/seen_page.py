"""The page in a real browser: Debian's Chromium, driven by Playwright, under the page's own strict policy."""

import base64
import io
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, CDPSession, Page, expect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or "/usr/bin/chromium"
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 60_000
SCREENSHOTS = os.environ.get("CHEXNET_SCREENSHOTS")
"""A folder for pictures of what the tests saw, to be looked at by people."""

needs_chromium = pytest.mark.skipif(
    not Path(CHROMIUM).exists(), reason="no Chromium; install Debian's package chromium"
)


class Seen:
    """A page with what it asked for and what it complained of."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.page: Page = context.new_page()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda m: m.type == "error" and self.complaints.append(m.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(f"dialog {dialog.message}"))
        self.address = address
        self.inside = address.split("#", maxsplit=1)[0].rstrip("/")
        self.devtools: CDPSession = context.new_cdp_session(self.page)

    def open(self) -> "Seen":
        self.page.goto(self.address)
        self.page.locator("html[data-ready=yes]").wait_for()
        return self

    def js(self, expression: str) -> Any:
        """Evaluate in the page: through the debugger, as the page's policy forbids evaluating strings."""
        answer = self.devtools.send(
            "Runtime.evaluate", {"expression": expression, "awaitPromise": True, "returnByValue": True}
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def choose(self, *images: Path | dict) -> None:
        self.page.set_input_files("#files", list(images))

    def drop(self, *paths: Path) -> None:
        """A drag of files from the desktop onto the page."""
        data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.devtools.send("Input.dispatchDragEvent", {"type": kind, "x": 600, "y": 400, "data": data})

    def entries(self, phase: str, count: int) -> None:
        expect(self.page.locator(f".entry[data-phase={phase}]")).to_have_count(count, timeout=PATIENCE_MS)

    def chosen(self) -> str:
        return self.page.locator(".finding[aria-selected=true]").get_attribute("data-finding")

    def settled(self) -> None:
        """All images are there, and what was asked for last is drawn."""
        self.page.locator(".pane[data-drawn=yes]").first.wait_for(timeout=PATIENCE_MS)
        expect(self.page.locator(".pane:not([data-drawn=yes])")).to_have_count(0)
        frames = "requestAnimationFrame(() => " * 6 + "done()" + ")" * 6
        self.js(f"new Promise((done) => {frames})")

    def drawn(self, pane: int = 0) -> np.ndarray:
        """The pane's pixels, without what is written over them."""
        self.settled()
        url = self.js(f"document.querySelectorAll('.drawn')[{pane}].toDataURL()")
        picture = Image.open(io.BytesIO(base64.b64decode(url.split(",")[1])))
        return np.asarray(picture.convert("RGB"), np.int16)

    def drag(self, x: int, y: int, dx: int, dy: int) -> None:
        box = self.page.locator(".pane").first.bounding_box()
        mouse = self.page.mouse
        mouse.move(box["x"] + x, box["y"] + y)
        mouse.down()
        mouse.move(box["x"] + x + dx / 2, box["y"] + y + dy / 2)
        mouse.move(box["x"] + x + dx, box["y"] + y + dy)
        mouse.up()

    def photograph(self, name: str) -> None:
        if SCREENSHOTS:
            picture = Image.open(io.BytesIO(self.page.screenshot())).convert("RGB")
            # Pictures that are kept must be small; the eye hardly sees the difference.
            picture.quantize(96).save(Path(SCREENSHOTS) / f"{name}.png", optimize=True)


Opening = Callable[..., Seen]


def is_expected(complaint: str) -> bool:
    """The browser itself reports each answer of 400 and more, and each lost connection."""
    return complaint.startswith("Failed to load resource")
