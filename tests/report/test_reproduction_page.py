"""The page of a reproduction: made from stored results, and readable on a phone."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from playwright.sync_api import sync_playwright
from simulated import reader_study, study

from chexnet.evaluation import EvaluateOptions, ReadersOptions, compare_readers, evaluate
from chexnet.evaluation.map_localisation import Localisation, evaluate_localisation
from chexnet.report import evaluation_from_json, evaluation_json, readers_json
from chexnet.report.localisation import localisation_json
from chexnet.report.reproduction import Results, report_page
from chexnet.report.stored import localisation_from_json, readers_from_json
from chexnet.tables.boxes import Boxes


@pytest.fixture(scope="module")
def readers(tmp_path_factory):
    readings, predictions, _, _ = reader_study(tmp_path_factory.mktemp("readers"))
    return compare_readers(readings, predictions, "Pneumonia", 0.5, ReadersOptions(samples=100))


@pytest.fixture(scope="module")
def localisation():
    generator = np.random.default_rng(0)
    boxed = [Boxes(f"{n}.png", "Mass", generator.uniform(0.2, 0.5, (1, 4))) for n in range(9)]
    maps = {(one.image, "Mass"): generator.normal(size=(7, 7)) for one in boxed}
    found = evaluate_localisation(boxed, maps, None)
    return Localisation(found, 9, 1, "images", "boxes.csv", "model.onnx")


def test_a_comparison_with_readers_is_read_back_as_it_was_written(readers):
    content = json.loads(json.dumps(readers_json(readers)))
    assert content["inference"]["f1"]["average_reader"]
    assert json.loads(json.dumps(readers_json(readers_from_json(content)))) == content


def test_a_localisation_is_read_back_as_it_was_written(localisation):
    content = json.loads(json.dumps(localisation_json(localisation)))
    assert json.loads(json.dumps(localisation_json(localisation_from_json(content)))) == content


@pytest.mark.parametrize("read", [readers_from_json, localisation_from_json])
def test_another_file_is_refused_with_what_was_expected(read):
    with pytest.raises(ValueError, match="expected the JSON that `chexnet"):
        read({"finding": "Mass"})


@pytest.fixture(scope="module")
def results(tmp_path_factory, readers, localisation):
    """Three networks of the 14 pathologies, one of pneumonia."""
    folder = tmp_path_factory.mktemp("page")
    evaluations = {}
    for seed, (network, title) in enumerate(
        (("chexnet", "CheXNet"), ("wang2017", "Wang et al. (2017)"), ("yao2017", "Yao et al. (2017)"))
    ):
        predicted, labelled, _, _ = study(folder, seed=seed, name=f"{network}.csv")
        options = EvaluateOptions(samples=100, split="70 / 10 / 20 by patient", published="always")
        one = evaluate(predicted, labelled, options)
        named = replace(one, data=replace(one.data, name=title))
        evaluations[network] = evaluation_from_json(evaluation_json(named))
    metrics = [
        {"epoch": f"{n}", "train_loss": "0.2", "val_loss": "0.3", "val_auroc": "0.7"} for n in range(3)
    ]
    split = {
        "how": "by patient",
        "films_used": 100,
        "images": {"test": 20},
        "patients": {"test": 10},
        "sha256": {"test": "0" * 64},
    }
    return Results(
        quick=False,
        data={"message": "120 images", "expected": 120, "there": 120},
        splits={"pathologies": split},
        audits={},
        packed=None,
        evaluations=evaluations,
        commands={"chexnet": "chexnet train"},
        metrics={"chexnet": metrics},
        boxed={"chexnet": {"boxed_films": 9, "there": 9, "of_the_test_part": 9}},
        localisations={"chexnet": localisation},
        readers=readers,
        figure_2=None,
        left_out=[],
        software={"check": {"python": "3"}},
    )


def test_every_network_has_its_column_of_the_one_table_2(results):
    page = report_page(results)
    for one in results.of_14_pathologies:
        assert f"{one.data.name} (70 / 10 / 20 by patient)" in page
        assert f"{one.findings['Pneumonia'].auroc.value:.4f}" in page


@pytest.mark.parametrize("width", [1280, 390])
def test_no_table_is_cut_off_or_scrolls_sideways(results, tmp_path, width):
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        pytest.skip("needs chromium, which is not installed")
    path = tmp_path / "report.html"
    path.write_text(report_page(results))
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = started.new_page(viewport={"width": width, "height": 800})
        page.goto(path.as_uri())
        too_wide = page.evaluate(
            """() => [...document.querySelectorAll("figure.table")]
                .filter(one => {
                    const box = one.querySelector(".scroll");
                    return box.scrollWidth > box.clientWidth;
                })
                .map(one => one.querySelector("figcaption").textContent)"""
        )
        sideways = page.evaluate("document.documentElement.scrollWidth > innerWidth")
        started.close()
    assert too_wide == []
    assert not sideways
