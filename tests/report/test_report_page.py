import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from itertools import combinations
from math import dist

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright
from simulated import reader_study, study

from chexnet.evaluation import (
    EvaluateOptions,
    ReadersOptions,
    compare_readers,
    evaluate,
    thresholds_from_json,
)
from chexnet.evaluation.model_run import Film
from chexnet.evaluation.reader_inference import OperatingPoint
from chexnet.report.checklists import CHECKLISTS
from chexnet.report.figures import readers_figure
from chexnet.report.html import page, paragraph
from chexnet.report.page import Report as Content
from chexnet.report.page import report_html, write_report
from chexnet.statistics import Estimate


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A report with every section but localisation."""
    folder = tmp_path_factory.mktemp("report")
    predicted, labelled, _, _ = study(folder)
    other, _, _, _ = study(folder, seed=3, name="other.csv")
    (folder / "thresholds.json").write_text('{"Pneumonia": 0.4}')
    evaluation = evaluate(
        predicted,
        labelled,
        EvaluateOptions(samples=100, published="always"),
        against=other,
        thresholds=thresholds_from_json(folder / "thresholds.json"),
    )
    readings, predictions, _, _ = reader_study(folder)
    few = ReadersOptions(samples=100)
    readers = [compare_readers(readings, predictions, name, 0.5, few) for name in ("Pneumonia", "Mass")]
    readers.append(replace(readers[0], finding="Effusion"))
    films = [Film(np.full((40, 60, 3), 90, dtype=np.uint8), "film.png: Pneumonia")]
    return write_report(
        folder / "out" / "report.html",
        evaluation,
        readers=readers,
        films=films,
        commands=["chexnet report predictions.csv --labels <labels> & more"],
        figures=folder / "figures",
    )


class Structure(HTMLParser):
    """Headings, identifiers, links and pictures of a page."""

    def __init__(self):
        super().__init__()
        self.headings, self.ids, self.links, self.pictures, self.sources = [], [], [], [], []

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        if tag in {"h1", "h2", "h3"}:
            self.headings.append(int(tag[1]))
        if "id" in found:
            self.ids.append(found["id"])
        if tag == "a":
            self.links.append(found["href"])
        if tag == "img":
            self.pictures.append(found["alt"])
        self.sources += [found[key] for key in ("src", "href") if key in found]


def test_the_page_needs_nothing_from_elsewhere_and_its_structure_holds(written):
    text = written[0].read_text(encoding="utf-8")
    found = Structure()
    found.feed(text)
    assert all(source.startswith(("#", "data:image/")) for source in found.sources)
    assert "<script" not in text
    assert {f"#{name}" for name in found.ids} == set(found.links)
    assert len(found.ids) == len(set(found.ids))
    assert found.headings[0] == 1
    assert found.headings.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(found.headings, found.headings[1:], strict=False))
    assert len(found.pictures) == 8
    assert all(found.pictures)


def test_the_page_says_what_a_reviewer_asks(written):
    text = written[0].read_text(encoding="utf-8")
    for wanted in (
        "not a medical device",
        "SHA-256",
        "60 patients",
        "Not estimable",
        "--labels &lt;labels&gt; &amp; more",
        "random split of its own",
        "p (Holm)",
        "Limitations",
        "numpy",
        "seed 0",
    ):
        assert wanted in text


def test_items_of_the_checklists_lead_to_sections_that_reports_have(written):
    text = written[0].read_text(encoding="utf-8")
    # This report has no boxes, so nothing of it is in the section on localisation.
    titles = {*re.findall(r"<h2[^>]*>([^<]+)</h2>", text), "Localisation"}
    for item in (one for items in CHECKLISTS.values() for one in items):
        assert set(item.report) <= titles, item
    assert "STARD-AI (2025): items answered here" in text
    assert "explanations, and whether they hold" not in text


def test_the_same_measurements_give_the_same_page(tmp_path):
    predicted, labelled, _, _ = study(tmp_path)
    pages = [
        report_html(Content(evaluate(predicted, labelled, EvaluateOptions(samples=100)))) for _ in range(2)
    ]
    assert pages[0] == pages[1]


def test_every_figure_is_written_for_print(written):
    names = {path.name for path in written[1:]}
    stems = {"table-2", "roc", "precision-recall", "reliability", "subgroups", "films"}
    # Nobody calls a mass, so there is no operating point of Mass to draw.
    stems |= {"readers-Pneumonia", "readers-Effusion"}
    assert names == {f"{stem}.{kind}" for stem in stems for kind in ("pdf", "png")}
    for path in written[1:]:
        assert path.read_bytes()[:4] in (b"%PDF", b"\x89PNG")


def test_numbers_of_radiologists_who_agree_stand_apart(tmp_path):
    readings, predictions, _, _ = reader_study(tmp_path)
    comparison = compare_readers(readings, predictions, "Pneumonia", 0.5, ReadersOptions(samples=100))
    point = OperatingPoint(Estimate(0.9), Estimate(0.9), positives=10, negatives=10, left_out=0)
    near = replace(point, specificity=Estimate(0.91))
    crowded = dict(zip(comparison.readers, (point, near, point, near), strict=True))
    axes = readers_figure(replace(comparison, against_consensus=crowded)).axes[0]
    places = [text.get_position() for text in axes.texts]
    assert len(places) == 4
    # A figure of 8 points is about 0.02 of the axis wide.
    assert all(dist(*pair) > 0.02 for pair in combinations(places, 2))


def test_words_from_files_cannot_become_markup():
    text = page("<b>", [("A & B", paragraph("<script>alert(1)</script> **bold**"))], "")
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    assert "<strong>bold</strong>" in text
    assert '<h2 id="a-b">A &amp; B</h2>' in text


def test_a_report_without_any_estimable_finding_still_opens(tmp_path):
    from simulated import write

    labelled = write(tmp_path / "l.csv", ["image", "Mass"], ["a", 0], ["b", 0])
    predicted = write(tmp_path / "p.csv", ["image", "Mass"], ["a", 0.1], ["b", 0.2])
    files = write_report(tmp_path / "r.html", evaluate(predicted, labelled, EvaluateOptions(samples=100)))
    assert "none of the 2 images is positive" in files[0].read_text()


def program(*names):
    found = next((path for path in map(shutil.which, names) if path), None)
    if found is None:
        pytest.skip(f"needs {' or '.join(names)}, which is not installed")
    return found


def test_an_html_validator_finds_no_error(written):
    tidy = program("tidy")
    found = subprocess.run([tidy, "-q", "-e", written[0]], capture_output=True, text=True, check=False)
    # 1 means warnings, 2 errors; even warnings are too many.
    assert (found.returncode, found.stderr) == (0, "")


def browser(*arguments):
    chromium = program("chromium", "chromium-browser", "google-chrome")
    return subprocess.run(
        [
            chromium,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            *map(str, arguments),
        ],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def opened(written):
    """The page as a phone shows it."""
    chromium = program("chromium", "chromium-browser", "google-chrome")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = started.new_page(viewport={"width": 360, "height": 740})
        page.goto(written[0].as_uri())
        yield page
        started.close()


def test_a_phone_shows_every_picture_and_never_scrolls_the_page_sideways(opened):
    assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert opened.evaluate("[...document.images].every(i => i.complete && i.naturalWidth > 0)")


@pytest.mark.parametrize("width", [360, 390, 1280])
def test_no_table_and_no_picture_is_cut_off(opened, width):
    opened.set_viewport_size({"width": width, "height": 740})
    cut = opened.evaluate(
        """() => [...document.querySelectorAll(".scroll")]
            .filter((one) => one.scrollWidth > one.clientWidth + 1)
            .map((one) => one.getAttribute("aria-label"))"""
    )
    assert cut == []


def test_on_a_phone_each_number_of_a_wide_table_has_its_label(opened):
    opened.set_viewport_size({"width": 390, "height": 740})
    shown = opened.evaluate(
        """() => {
            const cell = document.querySelector("table.wide td");
            return [getComputedStyle(cell).display, getComputedStyle(cell, "::before").content];
        }"""
    )
    assert shown == ["flex", '"positive"']


@pytest.mark.parametrize("width", [360, 1200])
def test_an_accessibility_check_in_a_real_browser_finds_no_violation(opened, width):
    opened.set_viewport_size({"width": width, "height": 740})
    found = Axe().run(opened).response["violations"]
    assert [f"{one['id']}: {one['nodes'][0]['target']}" for one in found] == []


def test_it_prints_to_pdf(written, tmp_path):
    program("chromium", "chromium-browser", "google-chrome")
    target = tmp_path / "report.pdf"
    browser(f"--print-to-pdf={target}", written[0].as_uri())
    assert target.read_bytes()[:4] == b"%PDF"
