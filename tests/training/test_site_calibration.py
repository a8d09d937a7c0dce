"""A model file gets the calibration and the operating points of another place."""

import csv

import numpy as np
import pytest
from click.testing import CliRunner
from synthetic_films import write_films

import chexnet
from chexnet.cli import main
from chexnet.training.site_calibration import calibrate


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Images of the same kind under names that the model has not seen, every sixth label wrong."""
    folder = tmp_path_factory.mktemp("site")
    table = write_films(folder)
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        for number, row in enumerate(rows):
            name = f"site_{row['image']}"
            (folder / row["image"]).rename(folder / name)
            label = int(row["Pneumonia"]) ^ (number % 6 == 0)
            writer.writerow({"image": name, "patient": row["patient"], "Pneumonia": label})
    return table


def test_probabilities_agree_with_the_site_and_nothing_else_moves(finished, site, tmp_path):
    output = tmp_path / "site.onnx"
    made = calibrate(finished.model, site.parent, site, output, gate=False)
    before, after = chexnet.load(finished.model, threads=1), chexnet.load(output, threads=1)
    image = np.random.default_rng(0).normal(size=(2, 3, 32, 32)).astype(np.float32)
    np.testing.assert_array_equal(before.run(image)[0], after.run(image)[0])
    (finding,) = made.findings
    assert (made.images, finding.positives + finding.negatives) == (60, 60)
    with site.open(newline="") as file:
        rows = list(csv.DictReader(file))
    probabilities = [
        after.predict(site.parent / row["image"], gate=False)["Pneumonia"].probability for row in rows
    ]
    observed = np.mean([int(row["Pneumonia"]) for row in rows])
    # Platt scaling has an intercept, so on its own images the mean agrees but for its smoothed targets.
    assert np.mean(probabilities) == pytest.approx(observed, abs=0.02)
    assert after.metadata.findings[0].validated
    assert after.metadata.training["site_calibration"]["model_sha256"] == before.identity.sha256
    assert after.metadata.training["recipe"] == before.metadata.training["recipe"]


def test_too_few_positives_are_named_with_how_many_are_needed(finished, site, tmp_path):
    few = site.with_name("few.csv")
    lines = site.read_text().splitlines()
    few.write_text("\n".join(lines[:13]) + "\n")
    with pytest.raises(ValueError, match=r"\d positive and \d negative images; at least 10 of each"):
        calibrate(finished.model, site.parent, few, tmp_path / "site.onnx", gate=False)
    assert not (tmp_path / "site.onnx").exists()


def test_images_that_the_model_has_learned_from_are_refused(finished, films, tmp_path):
    with pytest.raises(ValueError, match=r"the model was trained on 4\d of these 60 images"):
        calibrate(finished.model, films.parent, films, tmp_path / "site.onnx", gate=False)


def test_the_command(finished, site, tmp_path):
    output = tmp_path / "site.onnx"
    arguments = ["--images", site.parent, "--labels", site, "-o", output, "--no-gate"]
    command = ["model", "calibrate", finished.model, *arguments]
    result = CliRunner().invoke(main, [str(argument) for argument in command])
    assert result.exit_code == 0, result.output
    assert f"wrote {output}, calibrated on 60 images" in result.output
    assert "Pneumonia: 3" in result.output and "validated" in result.output


def test_the_default_model_is_named_by_the_environment_or_a_configuration(finished, tmp_path, monkeypatch):
    from chexnet.classifier.classifier import DEFAULT_MODEL, InvalidModel

    monkeypatch.delenv("CHEXNET_MODEL", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert chexnet.load(one_image=True).path == DEFAULT_MODEL
    config = tmp_path / "chexnet" / "config.toml"
    config.parent.mkdir()
    config.write_text(f'model = "{finished.model}"\n')
    assert chexnet.load(one_image=True).path == finished.model
    config.write_text("model = 3\n")
    with pytest.raises(InvalidModel, match="model is 3; expected the path"):
        chexnet.load(one_image=True)
    monkeypatch.setenv("CHEXNET_MODEL", str(finished.model))
    assert chexnet.load(one_image=True).path == finished.model
