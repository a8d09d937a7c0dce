"""Laws of the recipes' measurements of confounds, on models that are known to be confounded."""

import numpy as np
import pytest

from chexnet.radiograph import Preprocessing, Radiograph, network_input
from recipes.card.confounds import BARS, REGIONS, Films, changes, covered, mean_maps, told_apart

FINDINGS = ("Mass", "Pneumonia")


def films(probability_of_ap=0.5, of_present=0.5, count=400):
    """A model that gives AP films without a finding, and films with pneumonia, what it is asked to."""
    generator = np.random.default_rng(0)
    labels = generator.random((count, 2)) < 0.3
    ap = generator.random(count) < 0.5
    noise = generator.normal(0, 1e-3, (count, 2))
    probabilities = np.full((count, 2), 0.4) + noise
    probabilities[ap] += probability_of_ap - 0.5
    probabilities[labels] += of_present - 0.5
    maps = np.where(labels[..., None, None], 1.0, 0.0) + np.zeros((7, 7))
    return Films(FINDINGS, labels, ap, np.arange(count), np.clip(probabilities, 0, 1), maps)


def by(rows, **wanted):
    (found,) = (row for row in rows if wanted.items() <= vars(row).items())
    return found


def test_a_model_that_reads_the_view_tells_it_among_films_without_findings():
    read = by(told_apart(films(probability_of_ap=0.7)), what="AP rather than PA", score="pneumonia")
    assert read.value == 1
    blind = by(told_apart(films()), what="AP rather than PA", score="pneumonia")
    assert blind.low < 0.5 < blind.high
    assert read.present + read.absent == int(films().none.sum())


def test_covering_what_a_model_reads_takes_its_auroc_away_and_nothing_else_does():
    seeing, blind = films(of_present=0.7), films()
    covered_up = {"border": blind.probabilities, "corners": seeing.probabilities}
    lost, kept = changes(seeing, covered_up)
    for question in ("pneumonia", "any_finding", "mean"):
        assert getattr(lost, question).high < -0.3
        # No resample differs, so there is no interval either.
        assert (getattr(kept, question).value, getattr(kept, question).low) == (0, None)
    assert lost.pneumonia_change > 0.04
    assert kept.pneumonia_change == 0


@pytest.fixture(scope="module")
def inputs():
    return np.random.default_rng(1).normal(size=(2, 3, 224, 224)).astype(np.float32)


def regions(inputs):
    return {
        what: (covered(inputs, what) != inputs).all(axis=(0, 1))
        for what in REGIONS
        if what not in ("mirrored", *BARS)
    }


def test_a_covered_region_has_the_films_own_grey_and_the_rest_is_untouched(inputs):
    for what, region in regions(inputs).items():
        changed = covered(inputs, what)
        np.testing.assert_array_equal(changed[..., ~region], inputs[..., ~region])
        expected = np.broadcast_to(inputs.mean(axis=(2, 3))[..., None], changed[..., region].shape)
        np.testing.assert_array_equal(changed[..., region], expected)


def test_regions_are_where_they_are_said_to_be(inputs):
    found = regions(inputs)
    # The border is 14 of 224 pixels wide, the corners' squares have sides of 45 (a fifth is 44.8).
    assert found["border"].sum() == 224**2 - 196**2
    assert found["corners"].sum() == 4 * 45**2
    assert found["upper corners"].sum() == 2 * 45**2
    assert not found["upper corners"][112:].any()
    assert not (found["centre (control)"] & (found["border"] | found["corners"])).any()
    # As large as the border, to a ring of pixels.
    assert found["centre (control)"].sum() == pytest.approx(found["border"].sum(), rel=0.03)
    for what in ("border", "corners", "centre (control)"):
        np.testing.assert_array_equal(found[what], found[what][::-1])
        np.testing.assert_array_equal(found[what], found[what].T)
    np.testing.assert_array_equal(covered(covered(inputs, "mirrored"), "mirrored"), inputs)


def test_bars_are_black_or_white_and_between_them_is_what_the_wider_picture_shows(inputs):
    usual = Preprocessing()
    film = np.random.default_rng(2).random((900, 900), dtype=np.float32)
    for what, grey in BARS.items():
        wide = np.pad(film, ((0, 0), (350, 350)), constant_values=grey)
        expected = network_input(Radiograph(wide, "wide.png", "PNG"), usual)
        whole = network_input(Radiograph(film, "film.png", "PNG"), usual)
        found = covered(whole[None], what)[0]
        np.testing.assert_allclose(found[..., :48], expected[..., :48], atol=1e-5)
        np.testing.assert_allclose(found[..., -48:], expected[..., -48:], atol=1e-5)
        # Squeezed after it was shrunk is a little smoother than at once.
        assert np.abs(found - expected)[..., 52:-52].mean() < 0.1 * expected.std()


def test_a_difference_that_is_the_same_everywhere_lies_in_the_border_as_much_as_its_cells():
    found = mean_maps(films())["Pneumonia"]
    assert found.logit_difference == 1
    assert found.border_share == found.border_cells == pytest.approx(24 / 49, abs=1e-3)
