"""The page in a real browser: Debian's Chromium, driven by Playwright, under the page's own strict policy."""

import base64
import csv
import io
import json
import re
import threading
import time
from pathlib import Path

import httpx
import numpy as np
import onnx
import pydicom
import pytest
from PIL import Image
from playwright.sync_api import Browser, Route, expect
from real_server import ABSENT, PRESENT, UNTESTED, UNVALIDATED, Serving
from seen_page import PATIENCE_MS, SCREENSHOTS, Opening, Seen, needs_chromium

from chexnet.classifier import Classifier, load
from chexnet.classifier.gate import GATE_CLASSES
from chexnet.classifier.metadata import KEY
from chexnet.classifier.overlay import FULL_SCALE, blend, upscale
from chexnet.classifier.table import TableWriter
from chexnet.findings import display_name
from chexnet.radiograph import read_radiograph
from chexnet.service import Limits, ServiceConfig

pytestmark = needs_chromium


@pytest.fixture
def at_film(opening: Opening, example_dicom: Path) -> Seen:
    page = opening()
    page.choose(example_dicom)
    page.entries("ok", 1)
    page.settled()
    return page


def test_a_dropped_png_and_dicom_are_read_and_shown(
    opening: Opening, example_film: Path, example_dicom: Path
) -> None:
    page = opening()
    page.photograph("empty")
    page.drop(example_film, example_dicom)
    page.entries("ok", 2)
    expect(page.page.locator(".verdict-title")).to_contain_text(display_name(PRESENT).lower())
    page.page.get_by_role("button", name=example_dicom.name).click()
    expect(page.page.locator(".caption .name")).to_have_text(example_dicom.name)
    expect(page.page.locator(".caption .projection")).to_contain_text(
        pydicom.dcmread(example_dicom).ViewPosition
    )
    expect(page.page.locator(".finding")).to_have_count(14)
    colours = np.ptp(page.drawn(), axis=2)
    assert colours.max() > 40, "no outline is seen"
    assert np.mean(colours > 40) < 0.02, "more than an outline is coloured"
    page.photograph("called")


def test_pasted_films_are_read(opening: Opening, png: bytes) -> None:
    page = opening()
    page.js(
        f"""{{
        const bytes = Uint8Array.from(atob("{base64.b64encode(png).decode()}"), (c) => c.charCodeAt(0));
        const data = new DataTransfer();
        data.items.add(new File([bytes], "pasted.png", {{ type: "image/png" }}));
        document.dispatchEvent(new ClipboardEvent("paste", {{ clipboardData: data, bubbles: true }}));
        }}"""
    )
    page.entries("ok", 1)
    expect(page.page.locator(".entry-name")).to_have_text("pasted.png")


def test_what_is_drawn_is_film_and_evidence_as_the_library_blends_them(
    at_film: Seen, varied_model: Path, example_dicom: Path
) -> None:
    at_film.js("document.querySelectorAll('.finding')[1].click()")
    at_film.page.keyboard.press("m")
    drawn = at_film.drawn()
    height, width, _ = drawn.shape
    side = min(height, width)
    film = read_radiograph(example_dicom)
    prediction = load(varied_model).predict(film)
    layer = prediction.evidence_of(at_film.chosen())
    grey = np.asarray(Image.fromarray(film.pixels).resize((side, side), Image.Resampling.BILINEAR))
    expected = blend(grey, upscale(layer, side, side), FULL_SCALE)
    top, left = (height - side) // 2, (width - side) // 2
    shown = drawn[top : top + side, left : left + side]
    # Scale bar and ruler aside; two ways of scaling differ by a level or two where the film is sharp.
    difference = np.abs(shown - expected)[: side - 60]
    assert np.median(difference) < 1.5
    # The outline of what is called lies over a few per cent of it.
    assert np.percentile(difference, 95) < 12


def test_the_opacity_slider_takes_the_map_from_nothing_to_full(at_film: Seen) -> None:
    slider = at_film.page.locator("#opacity")
    at_film.page.keyboard.press("m")
    bare = outlines(at_film)

    def colourfulness() -> float:
        return float(np.ptp(at_film.drawn()[:-60], axis=2).mean())

    full = colourfulness()
    slider.fill("20")
    little = colourfulness()
    expect(at_film.page.locator("#opacity-value")).to_have_text("20 %")
    slider.fill("0")
    assert colourfulness() == pytest.approx(bare)
    assert bare < little < full
    slider.focus()
    at_film.page.keyboard.press("ArrowRight")
    expect(at_film.page.locator("#opacity-value")).to_have_text("1 %")


def test_findings_are_switched_by_keyboard_and_the_map_goes_with_them(at_film: Seen) -> None:
    at_film.page.keyboard.press("m")
    first, before = at_film.chosen(), at_film.drawn()
    at_film.page.keyboard.press("ArrowDown")
    second = at_film.chosen()
    assert second != first
    assert np.abs(at_film.drawn() - before).max() > 10
    expect(at_film.page.locator("#legend-zero")).to_contain_text(display_name(second))
    at_film.page.keyboard.press("k")
    assert at_film.chosen() == first
    assert np.array_equal(at_film.drawn(), before)
    at_film.page.locator(f"[data-finding={first}]").focus()
    at_film.page.keyboard.press("End")
    last = at_film.page.locator(".finding").last.get_attribute("data-finding")
    assert at_film.chosen() == last
    assert at_film.js("document.activeElement.dataset.finding") == last


def test_the_finding_under_the_cursor_shows_its_map_for_as_long(at_film: Seen) -> None:
    at_film.page.keyboard.press("m")
    chosen, before = at_film.chosen(), at_film.drawn()
    at_film.page.locator(".finding").nth(3).hover()
    assert np.abs(at_film.drawn() - before).max() > 10
    assert at_film.chosen() == chosen
    at_film.page.locator("h1").hover()
    assert np.array_equal(at_film.drawn(), before)


def test_dragging_windows_the_film_and_reset_brings_it_back(at_film: Seen) -> None:
    before = at_film.drawn()
    at_film.drag(300, 300, 0, -150)
    brighter = at_film.drawn()
    assert brighter[:-60].mean() > before[:-60].mean() + 10
    at_film.drag(300, 300, -120, 0)
    expect(at_film.page.locator(".caption .state")).not_to_contain_text("W 100")
    at_film.photograph("windowed")
    at_film.page.keyboard.press("0")
    assert np.array_equal(at_film.drawn(), before)


def test_windowing_shows_levels_that_eight_bits_could_not(opening: Opening, dicom: bytes) -> None:
    """A ramp within one 8-bit level: a narrow window on 16-bit values spreads it over the display."""
    page = opening()
    page.js(
        """import("/static/js/pixels.js").then((pixels) => {
        const canvas = document.createElement("canvas");
        const grey = Uint16Array.from({ length: 256 }, (_, index) => 32768 + index);
        pixels.shade(canvas, { width: 256, height: 1, bits: 16, grey },
                     { centre: (32768 + 127.5) / 65535, width: 256 / 65535, inverted: false });
        const { data } = canvas.getContext("2d").getImageData(0, 0, 256, 1);
        window.levels = [...data].filter((_, index) => index % 4 === 0);
        })"""
    )
    levels = page.js("window.levels")
    assert len(set(levels)) > 200
    assert levels == sorted(levels)


def test_invert_turns_every_grey_value_around(at_film: Seen) -> None:
    before = at_film.drawn()
    at_film.page.get_by_role("button", name="Invert").click()
    after = at_film.drawn()
    height, width, _ = before.shape
    middle = np.s_[50 : height - 80, width // 2 - 100 : width // 2 + 100]
    # An outline covers little, and is not inverted.
    assert np.mean(np.abs(before[middle] + after[middle] - 255) <= 1) > 0.95
    expect(at_film.page.locator("#invert")).to_have_attribute("aria-pressed", "true")


def test_the_wheel_zooms_and_dragging_pans_when_told_to(at_film: Seen) -> None:
    zoom = at_film.page.locator(".caption .state")
    before, text = at_film.drawn(), zoom.text_content()
    at_film.page.locator(".pane").hover()
    at_film.page.mouse.wheel(0, -400)
    zoomed = at_film.drawn()
    assert zoom.text_content() != text
    at_film.page.keyboard.press("p")
    at_film.drag(300, 300, 100, 60)
    moved = at_film.drawn()
    # What was in the middle is now 100 to the right and 60 down.
    assert np.abs(moved[260:460, 300:500] - zoomed[200:400, 200:400]).mean() < 3
    at_film.page.get_by_role("button", name="Reset").click()
    assert np.array_equal(at_film.drawn(), before)


def test_arrow_keys_move_the_film_that_has_the_focus(at_film: Seen) -> None:
    at_film.page.keyboard.press("+")
    at_film.page.keyboard.press("+")
    before, chosen = at_film.drawn(), at_film.chosen()
    at_film.page.locator(".pane").focus()
    at_film.page.keyboard.press("ArrowRight")
    assert np.abs(at_film.drawn() - before).mean() > 1
    assert at_film.chosen() == chosen


def _scale(page: Seen) -> float:
    """Screen pixels a film pixel, from the pane's size: at the start the film fits."""
    box = page.page.locator(".stage").bounding_box()
    return min(box["width"], box["height"])


def test_the_ruler_measures_in_the_millimetres_of_the_file(at_film: Seen, example_dicom: Path) -> None:
    header = pydicom.dcmread(example_dicom)
    spacing = (header.get("PixelSpacing") or header.ImagerPixelSpacing)[1]
    expected = 200 / _scale(at_film) * header.Columns * spacing
    at_film.page.get_by_role("button", name="Ruler").click()
    at_film.drag(350, 300, 200, 0)
    spoken = at_film.page.locator("#spoken")
    expect(spoken).to_contain_text("mm")
    assert float(spoken.text_content().split()[1]) == pytest.approx(expected, rel=0.01)
    at_film.photograph("ruler")


def test_the_ruler_measures_in_pixels_where_the_file_gives_no_spacing(
    opening: Opening, example_film: Path
) -> None:
    page = opening()
    page.choose(example_film)
    page.entries("ok", 1)
    page.settled()
    page.page.keyboard.press("r")
    page.drag(350, 300, 0, 200)
    width = Image.open(example_film).width
    spoken = page.page.locator("#spoken")
    expect(spoken).to_contain_text("pixels")
    assert int(spoken.text_content().split()[1]) == pytest.approx(200 / _scale(page) * width, rel=0.01)


def test_the_ruler_can_be_used_without_a_pointer(at_film: Seen) -> None:
    at_film.page.keyboard.press("r")
    at_film.page.locator(".pane").focus()
    for key in ["ArrowLeft", "Enter", *["ArrowRight"] * 6, "Enter"]:
        at_film.page.keyboard.press(key)
    expect(at_film.page.locator("#spoken")).to_contain_text("mm")


def test_a_row_says_what_a_call_was_worth_and_untested_findings_are_never_called(at_film: Seen) -> None:
    page = at_film.page
    present = page.locator(f"[data-finding={PRESENT}]")
    # 200 test images called, 40 of them right: all there were.
    expect(present).to_contain_text("right 20 of 100 (15–26), finds 10 of 10")
    expect(present).to_have_attribute(
        "aria-label", re.compile(r"Of 100 test images called, about 20 had it \(15–26\)")
    )
    assert present.locator(".worth-picture i.right").count() == 4, "of twenty dots"
    assert present.locator(".operating-point").count() == 1
    assert "poor" in (present.get_attribute("class") or ""), "emphasis follows worth"
    expect(page.get_by_role("group", name="Called", exact=True).locator(".finding")).to_have_count(1)
    expect(page.locator(f"[data-finding={ABSENT}]")).to_have_attribute("aria-label", re.compile("not called"))
    untested = page.get_by_role("group", name="Not tested enough to be called").locator(".finding")
    assert {row.get_attribute("data-finding") for row in untested.all()} == {UNVALIDATED, UNTESTED}
    assert page.locator(f"[data-finding={UNVALIDATED}] .operating-point").count() == 0
    colour = "getComputedStyle(document.querySelector('[data-finding={}] .finding-name')).color"
    assert at_film.js(colour.format(UNVALIDATED)) != at_film.js(colour.format(ABSENT))


def test_the_numbers_of_the_chosen_finding_are_behind_a_disclosure(at_film: Seen) -> None:
    page = at_film.page
    for finding, said in (
        (UNVALIDATED, "does not show it to be better than chance"),
        (UNTESTED, "cannot be estimated"),
        (PRESENT, "0.80 (0.70–0.90)"),
    ):
        page.locator(f"[data-finding={finding}]").click()
        expect(page.locator("#numbers-body")).to_contain_text(said)
    expect(page.locator("#numbers-body")).to_be_hidden()
    page.locator("#numbers-title").click()
    expect(page.locator("#numbers-body")).to_contain_text("40 of about 200")
    at_film.photograph("numbers")


def test_a_prevalence_of_the_site_changes_what_a_call_is_worth(at_film: Seen) -> None:
    page = at_film.page
    page.locator(f"[data-finding={ABSENT}]").click()
    page.locator(f"[data-finding={PRESENT}]").click()
    page.locator("#numbers-title").click()
    site = page.get_by_label("How many in 100 images have it at your site?")
    site.fill("2")
    site.press("Enter")
    row = page.locator(f"[data-finding={PRESENT}]")
    # Sensitivity 1, specificity 0: every image is called, so as many calls are right as images have it.
    expect(row).to_contain_text("right 2 of 100 at your site")
    expect(page.locator(".verdict-box")).to_contain_text("2 times in 100")
    page.reload()
    at_film.entries("ok", 1)
    expect(row).to_contain_text("right 2 of 100 at your site")


def test_a_row_distinguishes_a_probability_from_the_one_at_which_it_is_called(opening: Opening) -> None:
    page = opening()
    page.js(
        """import("/static/js/findings.js").then(({ FindingList }) => {
        const entry = { auroc: null, positives: 0, negatives: 0, worth: null };
        const card = { findings: ["a", "b"].map((name) => ({ ...entry, finding: name, display: name })) };
        const image = (a, b) => ({ findings: [["a", a], ["b", b]].map(([finding, probability]) => (
            { finding, probability, score: 0, threshold: 0.071, present: probability > 0.071,
              validated: true })) });
        const [first, second] = [image(0.068, 0.001), image(0.001, 0.9)];
        const list = new FindingList(document.createElement("div"));
        const shown = [];
        for (const each of [first, second, first]) (list.show(each, card), shown.push(list.chosen));
        window.text = list.rows.get("a").textContent;
        list.pick("b");
        list.show(first, card);
        window.shown = [...shown, list.chosen];
        })"""
    )
    assert page.js("window.text") == "a6.8 %"
    # Each image begins with its weightiest finding, until a person has chosen one.
    assert page.js("window.shown") == ["a", "b", "a", "b"]


def outlines(page: Seen) -> float:
    """How colourful the pane is without its wash."""
    page.page.keyboard.press("m")
    bare = float(np.ptp(page.drawn()[:-60], axis=2).mean())
    page.page.keyboard.press("m")
    return bare


@pytest.fixture(scope="module")
def silent_classifier(model_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    """The embedded network under thresholds that no image reaches."""
    model = onnx.load(model_path)
    (stored,) = (entry for entry in model.metadata_props if entry.key == KEY)
    card = json.loads(stored.value)
    for finding in card["findings"]:
        finding["thresholds"] = dict.fromkeys(finding["thresholds"] or {}, 0.999999)
    stored.value = json.dumps(card)
    path = tmp_path_factory.mktemp("silent") / "silent.onnx"
    onnx.save(model, path)
    return load(path)


def test_the_image_is_bare_where_nothing_is_called(
    opening: Opening, serving: Serving, silent_classifier: Classifier, example_film: Path
) -> None:
    with serving(silent_classifier) as client:
        page = opening(str(client.base_url), viewport={"width": 1440, "height": 900})
        page.choose(example_film)
        page.entries("ok", 1)
        assert np.ptp(page.drawn(), axis=2)[:-60].max() == 0
        expect(page.page.locator(".verdict-title")).to_have_text("The model calls nothing.")
        expect(page.page.locator(".verdict-box")).to_contain_text("This does not exclude disease.")
        page.photograph("nothing-called")


def test_the_wash_is_seen_while_its_key_is_held(at_film: Seen) -> None:
    before = at_film.drawn()
    at_film.page.keyboard.down("h")
    assert np.abs(at_film.drawn() - before).max() > 10
    expect(at_film.page.locator("#map-toggle")).to_have_attribute("aria-pressed", "true")
    at_film.page.keyboard.up("h")
    assert np.array_equal(at_film.drawn(), before)


def test_all_findings_are_in_sight_without_scrolling(opening: Opening, example_dicom: Path) -> None:
    page = opening(viewport={"width": 1440, "height": 900})
    page.choose(example_dicom)
    page.entries("ok", 1)
    page.settled()
    for row in page.page.locator(".finding").all():
        expect(row).to_be_in_viewport(ratio=1)
    page.photograph("wide")


def test_a_refused_film_is_shown_as_refused_with_the_reason_and_no_number(
    opening: Opening, serving: Serving, gated_model: Path, negative: bytes
) -> None:
    with serving(load(gated_model)) as client:
        page = opening(str(client.base_url))
        page.choose({"name": "negative.png", "mimeType": "image/png", "buffer": negative})
        page.entries("refused", 1)
        expect(page.page.locator(".verdict-box.refused")).to_contain_text(GATE_CLASSES["inverted"])
        assert page.page.locator(".finding").count() == 0
        drawn = page.drawn()
        assert np.ptp(drawn, axis=2).max() == 0, "a refused film has no map"
        assert drawn.max() > 100, "the film itself is shown"
        page.photograph("refused")


def test_a_damaged_file_is_shown_as_unreadable_with_the_reason(opening: Opening, png: bytes) -> None:
    page = opening()
    page.choose({"name": "half.png", "mimeType": "image/png", "buffer": png[:9000]})
    page.entries("error", 1)
    expect(page.page.locator(".verdict-box.error")).to_contain_text("truncated PNG")
    expect(page.page.locator("#empty")).to_contain_text("half.png cannot be read")
    expect(page.page.locator("#empty")).to_contain_text("truncated PNG")
    assert page.page.locator(".finding").count() == 0
    page.photograph("damaged")


def test_twenty_films_at_once_are_all_read(opening: Opening, png: bytes) -> None:
    page = opening()
    page.choose(*({"name": f"{n:02}.png", "mimeType": "image/png", "buffer": png} for n in range(20)))
    page.entries("ok", 20)
    expect(page.page.locator("#entry-count")).to_have_text("(20)")
    expect(page.page.locator("#spoken")).to_contain_text("20 images are done")
    page.page.locator(".entry-button").nth(4).click()
    page.page.keyboard.press("]")
    expect(page.page.locator(".entry.current .entry-name")).to_have_text("05.png")
    page.photograph("twenty")


def test_a_busy_server_is_asked_again_until_all_films_are_read(
    opening: Opening, serving: Serving, classifier: Classifier, png: bytes
) -> None:
    with serving(classifier, ServiceConfig(limits=Limits(queue=1))) as client:
        page = opening(str(client.base_url))
        page.choose(*({"name": f"{n}.png", "mimeType": "image/png", "buffer": png} for n in range(6)))
        page.entries("ok", 6)
        assert 'status="503"' in client.get("/metrics").text


def test_a_film_is_shown_also_where_the_server_was_too_busy_to_send_it_at_first(
    opening: Opening, png: bytes
) -> None:
    page = opening()
    refused = {"status": 503, "headers": {"Retry-After": "1"}, "body": "{}"}
    page.page.route("**/film.raw*", lambda route: route.fulfill(**refused), times=1)
    page.choose({"name": "film.png", "mimeType": "image/png", "buffer": png})
    page.entries("ok", 1)
    page.settled()
    expect(page.page.locator("#offline")).to_be_hidden()


def test_after_a_lost_connection_the_films_that_wait_go_on(opening: Opening, png: bytes) -> None:
    page = opening()
    page.page.context.set_offline(True)
    page.choose(*({"name": f"{n}.png", "mimeType": "image/png", "buffer": png} for n in range(5)))
    page.entries("lost", 3)
    expect(page.page.locator("#offline")).to_contain_text("Connection lost")
    page.photograph("offline")
    page.page.context.set_offline(False)
    page.entries("ok", 5)
    expect(page.page.locator("#offline")).to_be_hidden()


def test_a_proxy_that_does_not_reach_the_service_is_a_lost_connection(opening: Opening, png: bytes) -> None:
    page = opening()
    page.page.route(
        "**/v1/predictions", lambda route: route.fulfill(status=502, body="<html>Bad Gateway</html>"), times=1
    )
    page.choose({"name": "film.png", "mimeType": "image/png", "buffer": png})
    page.entries("lost", 1)
    page.entries("ok", 1)


def test_a_film_that_is_taken_away_before_it_is_drawn_is_not_missed(opening: Opening) -> None:
    """The fixture fails where the page complains."""
    page = opening()
    page.js("""
        import("/static/js/viewer.js").then(({ Viewer }) => {
          const pane = new Viewer(document.body, "test");
          const film = { width: 2, height: 2, bits: 8, grey: new Uint8Array(4) };
          pane.show(film, { width: 2, height: 2 });
          pane.blank("nothing");
          return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(1))));
        })
    """)


def test_findings_never_stand_beside_the_picture_of_another_film(
    opening: Opening, example_film: Path, example_dicom: Path
) -> None:
    page = opening()
    page.choose(example_film)
    page.entries("ok", 1)
    page.settled()
    held: list[Route] = []

    def hold_the_first(route: Route) -> None:
        if held:
            route.continue_()
        held.append(route)

    page.page.route("**/film.raw*", hold_the_first)
    page.choose(example_dicom)
    page.entries("ok", 2)
    page.page.locator(".entry-button").nth(1).click()
    name = page.page.locator(".caption .name")
    expect(name).to_have_text(f"{example_dicom.name}: loading")
    frames = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))"
    page.js(frames)
    alpha = """(() => { const canvas = document.querySelector(".drawn");
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        return data.some((value) => value > 0); })()"""
    assert page.js(alpha) is False, "the first film is still seen"
    expect(page.page.locator("#legend")).not_to_have_class("on")
    held[0].abort()
    # It says so, asks until the server answers, and then shows what was asked for.
    expect(name).to_have_text(example_dicom.name, timeout=PATIENCE_MS)
    page.settled()
    assert page.js(alpha) is True
    assert len(held) == 2
    expect(page.page.locator("#offline")).to_be_hidden()


def test_a_prior_stands_beside_the_film_and_moves_with_it(
    opening: Opening, example_film: Path, example_dicom: Path
) -> None:
    page = opening()
    page.choose(example_film, example_dicom)
    page.entries("ok", 2)
    # Whichever was read first is shown.
    page.page.locator(".entry-button", has_text=example_film.name).click()
    page.page.locator("#prior").select_option(label=example_dicom.name)
    expect(page.page.locator(".pane")).to_have_count(2)
    expect(page.page.locator(f"[data-finding={PRESENT}]")).to_contain_text("prior")
    assert page.page.locator(".prior-mark").count() == 14
    left, right = page.drawn(0), page.drawn(1)
    page.page.locator(".pane").first.hover()
    page.page.mouse.wheel(0, -400)
    page.settled()
    assert np.abs(page.drawn(0) - left).mean() > 1
    assert np.abs(page.drawn(1) - right).mean() > 1
    for name in page.page.locator(".caption .name").all():
        assert name.bounding_box()["width"] >= 128, "which film it is must be seen also under the pointer"
    corners = page.page.locator(".caption .state")
    assert corners.nth(0).text_content() == corners.nth(1).text_content()
    page.photograph("prior")
    page.page.locator("#prior").select_option(label="none")
    expect(page.page.locator(".pane")).to_have_count(1)


def test_downloads_are_what_the_server_said(
    opening: Opening, service: httpx.Client, varied_classifier: Classifier, png: bytes, tmp_path: Path
) -> None:
    page = opening()
    evil = '=cmd|"calc",1.png'
    page.choose({"name": evil, "mimeType": "image/png", "buffer": png})
    page.choose({"name": "half.png", "mimeType": "image/png", "buffer": png[:999]})
    page.entries("ok", 1)
    page.entries("error", 1)
    page.page.locator(".entry-button").first.click()

    def download(button: str) -> bytes:
        with page.page.expect_download() as started:
            page.page.get_by_role("button", name=button, exact=True).click()
        return Path(started.value.path()).read_bytes()

    result = json.loads(download("JSON"))
    assert result == service.get(result["links"]["self"]).json()
    assert download("PNG") == service.get(result["links"]["overlay"][page.chosen()]).content
    rows = list(csv.DictReader(io.StringIO(download("CSV").decode())))
    assert [row["status"] for row in rows] == ["ok", "error"]
    assert rows[0]["image"] == "'" + evil, "a spreadsheet must not run the name as a formula"
    assert float(rows[0][PRESENT]) == next(
        finding["probability"] for finding in result["findings"] if finding["finding"] == PRESENT
    )
    prediction = varied_classifier.predict(png)
    with TableWriter(tmp_path / "table.csv", varied_classifier.findings, prediction.model) as table:
        table.add(prediction)
    (row,) = csv.DictReader((tmp_path / "table.csv").open())
    assert list(rows[0]) == list(row)
    exact = {name for name in row if name.startswith(("present_", "policy", "model", "status"))}
    assert len(exact) == 14 + 4
    assert {name: rows[0][name] for name in exact} == {name: row[name] for name in exact}


def test_the_card_tells_what_was_measured(at_film: Seen, service: httpx.Client) -> None:
    at_film.page.get_by_role("button", name="Model card").click()
    card = service.get("/v1/model").json()
    dialog = at_film.page.get_by_role("dialog")
    expect(dialog).to_contain_text(card["sha256"])
    expect(dialog).to_contain_text(card["intended_use"])
    expect(dialog.get_by_role("table").nth(1).get_by_role("row")).to_have_count(15)
    expect(dialog).to_contain_text("Of 100 test images called, about 20 had it")
    expect(dialog).to_contain_text("0.520 (0.400–0.630)")
    diagrams = dialog.get_by_role("img", name="Reliability diagram of")
    expect(diagrams).to_have_count(sum(finding["validated"] for finding in card["findings"]))
    expect(dialog).to_contain_text("Pleural effusion: ECE 0.123 before, 0.045 after calibration")
    expect(diagrams.first.locator(".after")).to_have_count(2)
    at_film.photograph("card")
    at_film.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_the_notice_is_in_sight_at_every_scroll_position(opening: Opening, example_film: Path) -> None:
    for size in ({"width": 1440, "height": 900}, {"width": 390, "height": 780}):
        page = opening(viewport=size)
        page.choose(example_film)
        page.entries("ok", 1)
        page.js("scrollTo(0, document.body.scrollHeight)")
        expect(page.page.locator("#notice")).to_be_in_viewport()


def test_a_phone_shows_all_of_it_without_scrolling_sideways(opening: Opening, example_dicom: Path) -> None:
    page = opening(
        viewport={"width": 390, "height": 780}, has_touch=True, is_mobile=True, device_scale_factor=2
    )
    page.choose(example_dicom)
    page.entries("ok", 1)
    page.settled()
    assert page.js("document.documentElement.scrollWidth") <= 390
    for name in ("Choose images", "Window", "Ruler", "Invert", "Reset", "Wash", "Model card"):
        expect(page.page.get_by_role("button", name=name, exact=True)).to_be_visible()
    page.photograph("phone")
    # A finger moves the film from the start; the map comes with a tap on a finding.
    expect(page.page.get_by_role("button", name="Pan", exact=True)).to_have_attribute("aria-pressed", "true")
    page.page.locator(".finding").nth(2).tap()
    assert page.chosen() == page.page.locator(".finding").nth(2).get_attribute("data-finding")
    page.page.screenshot(path=Path(SCREENSHOTS) / "phone-full.png", full_page=True) if SCREENSHOTS else None
    too_small = page.js(
        """[...document.querySelectorAll("button, select, input:not([hidden]), .finding, summary")]
        .filter((element) => element.checkVisibility())
        .map((element) => [element.id || element.textContent, element.getBoundingClientRect()])
        .filter(([, box]) => box.width < 44 || box.height < 44)
        .filter(([name]) => name !== "keys-on").map(([name]) => name)"""
    )
    # Labels enlarge their check boxes (WCAG 2.5.8, "Equivalent").
    assert too_small in ([], ["linked"])


def violations(page: Seen) -> list[tuple[str, list[str]]]:
    """What axe-core finds against WCAG 2.2 A and AA and its own best practices."""
    import axe_playwright_python

    page.js((Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text() + ";0")
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = page.js(f"axe.run(document, {{ runOnly: {json.dumps(tags)} }})")
    assert found["passes"], "axe did not run"
    return [
        (violation["id"], [node["html"][:200] for node in violation["nodes"]])
        for violation in found["violations"]
    ]


def test_axe_finds_no_violation_in_any_state(
    opening: Opening, example_film: Path, example_dicom: Path
) -> None:
    page = opening()
    button = page.page.get_by_role("button", name="Close")
    found = {"empty": violations(page)}
    page.choose({"name": "x.png", "mimeType": "image/png", "buffer": b"x"})
    page.entries("error", 1)
    found["unreadable"] = violations(page)
    page.choose(example_film, example_dicom)
    page.entries("ok", 2)
    page.settled()
    found["film"] = violations(page)
    for name in ("Model card", "Shortcuts"):
        page.page.get_by_role("button", name=name).click()
        found[name] = violations(page)
        button.locator("visible=true").click()
    page.page.locator("#prior").select_option(index=1)
    expect(page.page.locator(".pane")).to_have_count(2)
    page.page.locator(".adjust summary").click()
    found["prior"] = violations(page)
    page.page.get_by_role("button", name="Light").click()
    found["light"] = violations(page)
    page.photograph("light")
    page.page.set_viewport_size({"width": 390, "height": 780})
    found["phone"] = violations(page)
    assert {state: list_ for state, list_ in found.items() if list_} == {}


def test_shortcuts_can_be_switched_off(at_film: Seen) -> None:
    page = at_film.page
    chosen = at_film.chosen()
    page.keyboard.press("?")
    page.get_by_label("Single-key shortcuts are on").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    assert at_film.chosen() == chosen


def test_a_name_or_a_header_never_becomes_markup(
    opening: Opening, serving: Serving, varied_classifier: Classifier, dicom: bytes
) -> None:
    attack = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>'
    dataset = pydicom.dcmread(io.BytesIO(dicom))
    dataset.PatientID = dataset.AccessionNumber = attack[:16]
    dataset.BodyPartExamined = "<B>CHEST</B>"
    dataset.PatientName = attack
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    with serving(varied_classifier, ServiceConfig(identifiers=True)) as client:
        page = opening(str(client.base_url))
        for name in (attack, "javascript:alert(1).dcm", "${7*7}{{7*7}}.dcm"):
            page.choose({"name": name, "mimeType": "application/dicom", "buffer": buffer.getvalue()})
        page.entries("ok", 3)
        page.settled()
        page.page.locator("#prior").select_option(index=1)
        expect(page.page.locator("#facts")).to_contain_text("<B>CHEST</B>")
        assert page.page.locator("#facts img, #facts b, .entry img, .entry script, option img").count() == 0
        assert page.js("window.pwned") is None


def test_a_key_is_asked_for_once_and_kept_for_the_session(
    opening: Opening, serving: Serving, classifier: Classifier, example_film: Path, browser: Browser
) -> None:
    key = "correct-horse-battery"
    with serving(classifier, ServiceConfig(api_keys=(key,))) as client:
        context = browser.new_context()
        page = Seen(context, str(client.base_url))
        page.page.goto(page.address)
        dialog = page.page.get_by_role("dialog", name="API key")
        dialog.get_by_label("Key", exact=True).fill("wrong-wrong-wrong-wrong")
        dialog.get_by_role("button").click()
        dialog.get_by_label("Key", exact=True).fill(key)
        dialog.get_by_role("button").click()
        page.page.locator("html[data-ready=yes]").wait_for()
        page.choose(example_film)
        page.entries("ok", 1)
        page.settled()
        page.page.reload()
        page.entries("ok", 1)
        context.close()


def test_reloading_keeps_the_films_and_forgetting_removes_them_everywhere(
    at_film: Seen, service: httpx.Client
) -> None:
    (id_,) = json.loads(at_film.js('sessionStorage.getItem("chexnet-images")'))
    at_film.page.reload()
    at_film.entries("ok", 1)
    at_film.settled()
    expect(at_film.page.locator(".finding")).to_have_count(14)
    at_film.page.get_by_role("button", name="Forget all").click()
    expect(at_film.page.locator(".entry")).to_have_count(0)
    expect(at_film.page.locator("#empty")).to_be_visible()
    expect(at_film.page.locator("#spoken")).to_contain_text("forgotten")
    assert service.get(f"/v1/predictions/{id_}").status_code == 404


def test_a_film_that_is_forgotten_while_it_is_read_is_forgotten_by_the_server_as_well(
    opening: Opening, serving: Serving, varied_model: Path, png: bytes
) -> None:
    held = threading.Event()

    class Stuck(Classifier):
        def predict_inputs(self, inputs, radiographs, **options):
            held.wait(60)
            return super().predict_inputs(inputs, radiographs, **options)

    with serving(Stuck(varied_model)) as client:
        page = opening(str(client.base_url))
        page.choose({"name": "film.png", "mimeType": "image/png", "buffer": png})
        page.entries("reading", 1)
        page.page.get_by_role("button", name="Forget all").click()
        held.set()
        deadline = time.monotonic() + 60
        while 'method="DELETE",route="/v1/predictions/{id}",status="204"' not in client.get("/metrics").text:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert "chexnet_results 0.0\n" in client.get("/metrics").text
        expect(page.page.locator(".entry")).to_have_count(0)


def test_films_that_the_server_could_not_be_told_to_forget_are_not_called_forgotten(at_film: Seen) -> None:
    at_film.page.context.set_offline(True)
    at_film.page.get_by_role("button", name="Forget all").click()
    expect(at_film.page.locator("#offline")).to_contain_text("Connection lost")
    expect(at_film.page.locator("#spoken")).not_to_contain_text("forgotten")
    at_film.page.context.set_offline(False)


def test_the_page_says_what_becomes_of_a_film(
    opening: Opening, serving: Serving, classifier: Classifier, tmp_path: Path
) -> None:
    expect(opening().page.locator("#empty")).to_contain_text("kept in its memory only, and forgotten")
    with serving(classifier, ServiceConfig(keep=tmp_path)) as client:
        empty = opening(str(client.base_url)).page.locator("#empty")
        expect(empty).to_contain_text("kept there with its result")
        expect(empty).not_to_contain_text("forgotten")


def test_the_tools_fit_in_one_line_on_a_wide_screen(opening: Opening, png: bytes) -> None:
    page = opening(viewport={"width": 1440, "height": 900})
    page.choose(*({"name": f"{'long' * 9}{n}.png", "mimeType": "image/png", "buffer": png} for n in range(2)))
    page.entries("ok", 2)
    tops = [page.page.locator(name).bounding_box()["y"] for name in ("#tools [data-tool=window]", "#prior")]
    assert max(tops) - min(tops) < 8


def test_no_identity_is_on_the_page_unless_asked_for(opening: Opening, dicom: bytes) -> None:
    dataset = pydicom.dcmread(io.BytesIO(dicom))
    dataset.PatientName, dataset.PatientID, dataset.AccessionNumber = "Doe^Jane", "PID-SECRET", "ACC-SECRET"
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    page = opening()
    page.choose({"name": "film.dcm", "mimeType": "application/dicom", "buffer": buffer.getvalue()})
    page.entries("ok", 1)
    page.settled()
    text = page.js("document.documentElement.outerHTML")
    assert not any(secret in text for secret in ("Jane", "SECRET", str(dataset.SOPInstanceUID)))
