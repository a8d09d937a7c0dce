"""The page's files: complete, from here only, and in step with the library."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from chexnet.classifier.overlay import AGAINST, FOR, STRONGEST_OPACITY
from chexnet.service import Limits
from chexnet.service.app import STATIC
from chexnet.service.security import security_headers

ROOT = Path(__file__).resolve().parents[2]
VENDORED = STATIC / "vendor" / "openseadragon-6.1.1"
SHA256 = {
    "openseadragon.min.js": "14d587cd3ee7c4861f1a41077ce642029364a21029956ba635bd8fb1202cf9ad",
    "LICENSE.txt": "17da96b26ac706d2cbd06d4555dedb43026782f4943faf0156fe7acf89454228",
}
"""Of the files in the npm package openseadragon 6.1.1."""

OWN = sorted(path for path in STATIC.rglob("*") if path.is_file() and VENDORED not in path.parents)


class Markup(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []

    def handle_starttag(self, tag, attributes) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] in ("script", "style") and data.strip():
            self.scripts.append(data)


@pytest.fixture(scope="module")
def markup() -> Markup:
    parser = Markup()
    parser.feed((STATIC / "index.html").read_text())
    return parser


def test_vendored_files_are_those_of_the_package() -> None:
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in VENDORED.iterdir()}
    assert found == SHA256


def test_the_page_has_nothing_inline(markup: Markup) -> None:
    assert markup.scripts == []
    for tag, attributes in markup.tags:
        assert not any(name.startswith("on") or name == "style" for name in attributes), (tag, attributes)


def test_every_file_that_the_page_names_is_there(markup: Markup) -> None:
    for _, attributes in markup.tags:
        for name in ("src", "href"):
            target = attributes.get(name)
            if target and not target.startswith("#"):
                assert (STATIC.parent / target).is_file(), target


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_no_file_of_the_page_leads_elsewhere(path: Path) -> None:
    names = set(re.findall(r"https?://[^\s\"'<>)]+", path.read_text()))
    assert names <= {"http://www.w3.org/2000/svg"}


def test_modules_import_what_others_export() -> None:
    modules = {path.name: path.read_text() for path in STATIC.glob("js/*.js")}
    for name, text in modules.items():
        for names, source in re.findall(r"(?<!@)import \{ ([^}]+) \} from \"\./([^\"]+)\"", text):
            for imported in names.split(", "):
                assert re.search(rf"export (async )?(function|class|const) {imported}\b", modules[source]), (
                    name,
                    imported,
                )
                assert len(re.findall(rf"\b{imported}\b", text)) > 1, f"{name} does not use {imported}"


def test_the_page_colours_evidence_as_the_library_does() -> None:
    pixels = (STATIC / "js" / "pixels.js").read_text()
    assert f"FOR = {list(FOR)};" in pixels
    assert f"AGAINST = {list(AGAINST)};" in pixels
    assert (
        f'id="opacity" min="0" max="100" value="{STRONGEST_OPACITY * 100:.0f}"'
        in (STATIC / "index.html").read_text()
    )


def test_the_one_style_that_the_policy_allows_is_the_viewers() -> None:
    script = (VENDORED / "openseadragon.min.js").read_text()
    style = re.search(r'data-openseadragon-mobile-css","true"\);\w+\.textContent="([^"]+)"', script)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert re.findall(r"'sha256-([^']+)'", security_headers()["Content-Security-Policy"]) == [digest]


def test_the_recipe_names_every_kind_of_problem() -> None:
    page = (ROOT / "docs" / "service.md").read_text()
    service = "".join(path.read_text() for path in (ROOT / "chexnet" / "service").glob("*.py"))
    kinds = set(re.findall(r"Problem\(\s*\d{3},\s*\"([a-z-]+)\"", service)) | {
        "not-found",
        "method-not-allowed",
    }
    assert len(kinds) > 10
    assert [kind for kind in sorted(kinds) if f"`{kind}`" not in page] == []


def test_the_proxy_takes_bodies_as_large_as_the_service_does() -> None:
    site = (ROOT / "deploy" / "nginx.conf").read_text()
    assert f"client_max_body_size    {Limits().upload_mb}m;" in site
    assert f"client_body_buffer_size {Limits().upload_mb}m;" in site
