"""What people give the page: folders, archives, files that vanish or have no suffix; and where it is."""

import shutil
import zipfile
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect
from real_server import Serving
from seen_page import PATIENCE_MS, Opening, Seen, needs_chromium

from chexnet.classifier import Classifier
from chexnet.service import ServiceConfig

pytestmark = needs_chromium


@pytest.fixture
def folder(tmp_path: Path, example_film: Path, example_dicom: Path) -> Path:
    """A CD export: images without a suffix in subfolders, an index, a read-me."""
    series = tmp_path / "CD" / "DICOM" / "SER0001"
    series.mkdir(parents=True)
    shutil.copy(example_dicom, series / "IM000001")
    shutil.copy(example_film, tmp_path / "CD" / "key.png")
    (tmp_path / "CD" / "DICOMDIR").write_bytes(bytes(128) + b"DICM")
    (tmp_path / "CD" / "README.TXT").write_text("how to view")
    return tmp_path / "CD"


def test_a_dropped_folder_is_walked(opening: Opening, folder: Path) -> None:
    page = opening()
    page.drop(folder)
    page.entries("ok", 2)
    assert page.page.locator(".entry").count() == 2
    assert {name.text_content() for name in page.page.locator(".entry-name").all()} == {"IM000001", "key.png"}
    expect(page.page.locator("#offline")).to_be_hidden()


def test_a_zip_of_a_cd_export_is_read(opening: Opening, folder: Path, tmp_path: Path) -> None:
    archive = tmp_path / "export.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(folder.rglob("*")):
            file.write(path, path.relative_to(folder), zipfile.ZIP_STORED if path.suffix else None)
    page = opening()
    page.choose(archive)
    page.entries("ok", 2)
    assert page.page.locator(".entry").count() == 2


def test_a_damaged_zip_says_so(opening: Opening, folder: Path, tmp_path: Path) -> None:
    archive = tmp_path / "export.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.write(folder / "key.png", "key.png")
    page = opening()
    page.choose({"name": "half.zip", "mimeType": "application/zip", "buffer": archive.read_bytes()[:500]})
    page.entries("error", 1)
    expect(page.page.locator(".verdict-box")).to_contain_text("This ZIP archive is damaged")


def test_a_file_that_vanishes_is_its_own_fault_and_not_the_connections(
    opening: Opening, example_film: Path, tmp_path: Path
) -> None:
    gone = tmp_path / "gone.png"
    shutil.copy(example_film, gone)
    page = opening()
    # The picker remembers a path; the browser reads the file when it is sent.
    page.js(HOLD)
    page.choose(gone)
    gone.unlink()
    page.js("window.release()")
    page.entries("error", 1)
    expect(page.page.locator(".verdict-box")).to_contain_text("The browser cannot read this file")
    expect(page.page.locator("#offline")).to_be_hidden()
    assert not [url for url in page.requests if url.endswith("/v1/predictions")]


HOLD = """{
    const read = File.prototype.arrayBuffer;
    const held = new Promise((resolve) => { window.release = resolve; });
    File.prototype.arrayBuffer = async function () { await held; return read.call(this); };
    undefined;
}"""
"""Reading waits until the test has removed the file."""


def test_an_image_whose_connection_always_breaks_is_given_up(opening: Opening, png: bytes) -> None:
    page = opening()
    page.page.route("**/v1/predictions", lambda route: route.abort())
    page.choose({"name": "cursed.png", "mimeType": "image/png", "buffer": png})
    page.entries("error", 1)
    expect(page.page.locator(".verdict-box")).to_contain_text("broke off 5 times")
    assert len([url for url in page.requests if url.endswith("/v1/predictions")]) == 5


def test_files_without_a_suffix_can_be_chosen(opening: Opening, dicom: bytes) -> None:
    page = opening()
    assert page.page.locator("#files").get_attribute("accept") is None
    page.choose({"name": "IM000001", "mimeType": "", "buffer": dicom})
    page.entries("ok", 1)


def test_an_image_that_is_read_looks_like_one(opening: Opening, png: bytes) -> None:
    """Its row had the class of the whole viewer, and turned black."""
    page = opening()
    page.page.route("**/v1/predictions", lambda route: None)
    page.choose({"name": "slow.png", "mimeType": "image/png", "buffer": png})
    row = page.page.locator(".entry")
    row.wait_for()
    assert row.evaluate("(row) => getComputedStyle(row).backgroundColor") == "rgba(0, 0, 0, 0)"
    assert "reading" not in (row.get_attribute("class") or "")


def test_a_wrong_key_is_called_wrong(serving: Serving, classifier: Classifier, browser: Browser) -> None:
    key = "correct-horse-battery"
    with serving(classifier, ServiceConfig(api_keys=(key,))) as client:
        context = browser.new_context()
        page = Seen(context, str(client.base_url))
        page.page.goto(page.address)
        dialog = page.page.get_by_role("dialog", name="API key")
        expect(dialog).to_contain_text("This service asks for a key.")
        dialog.get_by_label("Key", exact=True).fill("wrong-wrong-wrong-wrong")
        dialog.get_by_role("button").click()
        expect(dialog).to_contain_text("does not accept this key")
        dialog.get_by_label("Key", exact=True).fill(key)
        dialog.get_by_role("button").click()
        page.page.locator("html[data-ready=yes]").wait_for(timeout=PATIENCE_MS)
        context.close()


def test_the_page_works_below_a_prefix(
    opening: Opening, serving: Serving, classifier: Classifier, png: bytes
) -> None:
    with serving(classifier, ServiceConfig(root_path="/chexnet")) as client:
        page = opening(f"{client.base_url}/chexnet/")
        page.choose({"name": "a.png", "mimeType": "image/png", "buffer": png})
        page.entries("ok", 1)
        page.settled()
        assert all("/chexnet/" in url for url in page.requests if url.startswith("http"))


def test_a_link_with_an_id_opens_that_result(opening: Opening, service: httpx.Client, png: bytes) -> None:
    answer = service.post("/v1/predictions", content=png, headers={"Content-Type": "image/png"}).json()
    page = opening(f"{service.base_url}#{answer['id']}")
    page.entries("ok", 1)
    page.settled()
    expect(page.page.locator(".caption .name")).to_have_text(answer["image"])
    gone = opening(f"{service.base_url}#{'A' * 22}")
    expect(gone.page.locator("#offline")).to_contain_text("No prediction has this id")
