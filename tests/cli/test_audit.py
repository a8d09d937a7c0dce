import json

import pytest
from synthetic_films import write_films


@pytest.fixture
def films(tmp_path):
    return write_films(tmp_path / "films", films=40)


def lists(folder, train, test):
    folder.mkdir()
    (folder / "train_list.txt").write_text("".join(f"{row:03}.png\n" for row in train))
    (folder / "test_list.txt").write_text("".join(f"{row:03}.png\n" for row in test))
    return folder


def test_a_sound_split_ends_with_0_and_a_shared_patient_with_3(chexnet_cli, films, tmp_path):
    sound = chexnet_cli("audit", lists(tmp_path / "good", range(20), range(20, 40)), "--data", films)
    assert (sound.status, sound.err) == (0, "")
    # Films 20 and 21 are of one patient.
    shared = chexnet_cli("audit", lists(tmp_path / "bad", range(21), range(21, 40)), "--data", films)
    assert shared.status == 3
    assert "LEAK: bad: train and bad: test share 1 patients and 0 images, such as 021.png" in shared.out


def test_json_is_for_programs(chexnet_cli, films, tmp_path):
    split = lists(tmp_path / "bad", range(21), range(20, 40))
    result = chexnet_cli("audit", split, "--data", films, "--json")
    content = json.loads(result.out)
    assert result.status == 3
    assert content["overlaps"] == [
        {"first": "bad: train", "second": "bad: test", "images": 1, "patients": 1, "leak": True}
        | {"example": "020.png"}
    ]


def test_films_are_compared_where_asked_for(chexnet_cli, films, tmp_path):
    split = lists(tmp_path / "good", range(20), range(20, 40))
    result = chexnet_cli("audit", split, "--data", films, "--pixels", "--workers", "0", "--near", "0")
    assert "40 films compared; pairs whose fingerprints differ in at most 0 of 255 bits:" in result.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--near", "200", "--pixels"], "near is 200 bits"), (["--against", "films.csv"], "films.csv")],
)
def test_what_cannot_be_audited_gives_one_line(chexnet_cli, films, tmp_path, arguments, said):
    result = chexnet_cli("audit", lists(tmp_path / "good", [0], [2]), "--data", films, *arguments)
    assert result.status == 1
    assert said in result.err
    assert "Traceback" not in result.err
