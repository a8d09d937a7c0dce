import json
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import axe_playwright_python
import numpy as np
import pytest
from simulated import study
from test_reader_comparison import simulated as reader_files

from chexnet.evaluation import (
    EvaluateOptions,
    ReadersOptions,
    compare_readers,
    evaluate,
    thresholds_from_json,
)
from chexnet.evaluation.films import Film
from chexnet.evaluation.html import page, paragraph
from chexnet.evaluation.report import Report as Content
from chexnet.evaluation.report import report_html, write_report


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
        EvaluateOptions(samples=100),
        against=other,
        thresholds=thresholds_from_json(folder / "thresholds.json"),
    )
    readings, predictions, _, _ = reader_files(folder)
    readers = [compare_readers(readings, predictions, "Pneumonia", 0.5, ReadersOptions(samples=100))]
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
    assert len(found.pictures) == 7
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


def test_the_same_measurements_give_the_same_page(tmp_path):
    predicted, labelled, _, _ = study(tmp_path)
    pages = [
        report_html(Content(evaluate(predicted, labelled, EvaluateOptions(samples=100)))) for _ in range(2)
    ]
    assert pages[0] == pages[1]


def test_every_figure_is_written_for_print(written):
    names = {path.name for path in written[1:]}
    stems = {"table-2", "roc", "precision-recall", "reliability", "subgroups", "readers-Pneumonia", "films"}
    assert names == {f"{stem}.{kind}" for stem in stems for kind in ("pdf", "png")}
    for path in written[1:]:
        assert path.read_bytes()[:4] in (b"%PDF", b"\x89PNG")


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


def probe(written, script):
    """Run a script in the page in a real browser; it leaves its result in the title."""
    copy = written[0].with_name("probe.html")
    text = written[0].read_text(encoding="utf-8")
    copy.write_text(text.replace("</body>", f"<script>{script}</script></body>"), encoding="utf-8")
    dump = browser("--window-size=500,900", "--virtual-time-budget=20000", "--dump-dom", copy.as_uri()).stdout
    start = dump.index("<title>") + len("<title>")
    return dump[start : dump.index("</title>")]


def test_a_real_browser_shows_every_picture_and_never_scrolls_the_page_sideways(written):
    program("chromium", "chromium-browser", "google-chrome")
    answer = probe(
        written,
        "addEventListener('load', () => { document.title = ["
        "document.documentElement.scrollWidth <= innerWidth,"
        " [...document.images].every(i => i.complete && i.naturalWidth > 0)].join(' ') })",
    )
    assert answer == "true true"


def test_an_accessibility_check_in_a_real_browser_finds_no_violation(written):
    program("chromium", "chromium-browser", "google-chrome")
    axe = Path(axe_playwright_python.__file__).parent / "axe.min.js"
    source = axe.read_text(encoding="utf-8").replace("</script", "<\\/script")
    answer = probe(
        written,
        f"{source}; axe.run().then(r => {{ document.title = JSON.stringify("
        "r.violations.map(v => v.id + ': ' + v.nodes[0].target)) })",
    )
    assert json.loads(answer) == []


def test_it_prints_to_pdf(written, tmp_path):
    program("chromium", "chromium-browser", "google-chrome")
    target = tmp_path / "report.pdf"
    browser(f"--print-to-pdf={target}", written[0].as_uri())
    assert target.read_bytes()[:4] == b"%PDF"
