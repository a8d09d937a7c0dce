"""The page on paper, and its pictures in the documentation: the embedded model, synthetic images only."""

import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect
from real_server import Serving
from seen_page import Opening, needs_chromium

from chexnet.classifier import Classifier
from chexnet.classifier.overlay import NOTICE
from chexnet.findings import display_name

pytestmark = needs_chromium


def test_a_result_is_printed_on_one_page_with_what_it_needs(
    opening: Opening, serving: Serving, classifier: Classifier, example_dicom: Path
) -> None:
    called = {entry.finding for entry in classifier.predict(example_dicom).findings if entry.present}
    if not called:
        pytest.skip("the embedded model calls nothing on the synthetic thorax, so there is nothing to print")
    with serving(classifier) as client:
        page = opening(str(client.base_url), viewport={"width": 1440, "height": 900})
        page.choose(example_dicom)
        page.entries("ok", 1)
        page.settled()
        page.page.mouse.move(5, 5)
        for row in page.page.locator(".finding").all():
            expect(row).to_be_in_viewport(ratio=1)
        page.photograph("page-called")
        page.page.emulate_media(media="print")
        page.page.set_viewport_size({"width": 720, "height": 1020})
        page.photograph("page-print")
        rows = page.page.locator(".finding:visible")
        assert {row.get_attribute("data-finding") for row in rows.all()} == called
        for finding in called:
            row = page.page.locator(f"[data-finding={finding}]")
            expect(row).to_contain_text(display_name(finding))
            expect(row).to_contain_text(re.compile("right [0-9]+ of 100 .*finds .* of 10"))
        expect(page.page.locator("#notice")).to_contain_text(NOTICE.split(":")[1].strip(" ."))
        expect(page.page.locator("#identity")).to_contain_text(classifier.identity.sha256[:12])
        for name in ("#tools", "#choose", "#show-card", "#save-png"):
            expect(page.page.locator(name)).to_be_hidden()
        assert np.ptp(page.drawn(), axis=2).max() > 40, "no outline is printed"
        paper = page.page.pdf(prefer_css_page_size=True, print_background=True)
        assert len(re.findall(rb"/Type\s*/Page\b", paper)) == 1
        expect(page.page.locator("#printed")).to_contain_text(re.compile(r"Printed on \d{4}-\d\d-\d\d"))
