import numpy as np
import pytest
from simulated import write

from chexnet.evaluation.map_localisation import evaluate_localisation, localise_films
from chexnet.evaluation.measures import Resampling
from chexnet.literature import WANG_2017, WANG_2017_IOU
from chexnet.report.localisation import show_localisation
from chexnet.tables import read_boxes

FEW = Resampling(samples=200)


def boxed_films(tmp_path, films=30):
    generator = np.random.default_rng(0)
    corners = generator.integers(0, 5, (films, 2)) * 1024 // 7
    rows = [[f"{film}.png", "Mass", *corners[film], 300, 300] for film in range(films)]
    boxes = read_boxes(write(tmp_path / "b.csv", ["image", "finding", "x", "y", "width", "height"], *rows))
    maps = {}
    for film, (x, y) in enumerate(corners):
        activation_map = generator.normal(0, 0.1, (7, 7))
        activation_map[int((y + 150) * 7 / 1024), int((x + 150) * 7 / 1024)] += 3
        maps[f"{film}.png", "Mass"] = activation_map
    return boxes, maps


def test_maps_that_know_the_box_beat_the_noise_control(tmp_path):
    boxes, maps = boxed_films(tmp_path)
    (found,) = evaluate_localisation(boxes, maps, resampling=FEW)
    assert (found.films, found.patients) == (30, 30)
    assert found.pointing.value > 0.9
    assert found.pointing.value > found.control_pointing + 0.5
    assert all(m.low is None or m.low <= m.value <= m.high for m in found.iobb)
    assert len(found.iobb) == len(found.iou) == len(found.control_iou) == 9


def test_a_share_that_never_varies_has_no_interval_of_width_zero(tmp_path):
    boxes, maps = boxed_films(tmp_path)
    (found,) = evaluate_localisation(boxes, {key: np.eye(7) * 0 for key in maps}, resampling=FEW)
    assert (found.pointing.value, found.pointing.interval) == (0, None)
    assert "same value" in found.pointing.reason


def test_a_film_without_map_is_an_error_and_not_left_out(tmp_path):
    boxes, maps = boxed_films(tmp_path)
    del maps["3.png", "Mass"]
    with pytest.raises(ValueError, match=r"1 of 30 boxed films have no map, the first is 3\.png"):
        evaluate_localisation(boxes, maps)


def test_wangs_rows_fall_with_t():
    for finding, rows in WANG_2017_IOU.items():
        assert list(rows) == sorted(rows, reverse=True)
        by_t = [WANG_2017[finding][t] for t in sorted(WANG_2017[finding])]
        assert by_t == sorted(by_t, reverse=True)


def test_the_model_that_comes_along_is_scored_on_real_boxes(data_dir, tmp_path):
    folder = data_dir / "chestxray14"
    rows = (folder / "rsna_pneumonia_boxes_1024.csv").read_text().splitlines()[:6]
    (tmp_path / "boxes.csv").write_text("\n".join(rows) + "\n")
    found = localise_films(
        tmp_path / "boxes.csv",
        folder / "images",
        labels=folder / "Data_Entry_2017_v2020.csv",
        finding="Pneumonia",
        resampling=FEW,
    )
    assert found.films == len({row.split(",")[0] for row in rows[1:]})
    assert found.resampled == "patients"
    assert "Pneumonia" in show_localisation(found)
