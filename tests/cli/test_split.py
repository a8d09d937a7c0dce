import pytest

TABLE = "image,patient,view,Hernia\n" + "".join(
    f"{patient:02}.png,{patient},{('PA', 'AP')[patient % 2]},{int(patient == 3)}\n" for patient in range(40)
)


@pytest.fixture
def films(tmp_path):
    path = tmp_path / "films.csv"
    path.write_text(TABLE)
    return path


def test_the_split_is_printed_with_what_was_left_out_and_the_hashes(chexnet_cli, films, tmp_path):
    result = chexnet_cli("split", films, tmp_path / "split.csv", "--view", "PA", "--stratify")
    assert (result.status, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[:2] == ["40 images in the table", "view PA: 20 images left out"]
    table = [line.split() for line in lines[-3:]]
    assert [row[:3] for row in table] == [
        ["train", "14", "14"],
        ["validation", "2", "2"],
        ["test", "4", "4"],
    ]
    assert all(len(row[3]) == 64 for row in table)
    assert (tmp_path / "split.csv").read_text().startswith("image,patient,split\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--kind", "pneumonia"], "here are 40 images of 40 patients"),
        (["--kind", "official"], "train_val_list.txt: no such file"),
        (["--folds", "2"], "folds is 2; expected at least 3"),
        (["--view", "LL"], "no image has view 'LL'; the table has AP, PA"),
        (["--sex", "F"], "the table has no column of it"),
    ],
)
def test_what_cannot_be_split_gives_one_line_and_no_file(chexnet_cli, films, tmp_path, arguments, said):
    result = chexnet_cli("split", films, tmp_path / "split.csv", *arguments)
    assert result.status == 1
    assert said in result.err
    assert result.err.count("\n") == 1
    assert not (tmp_path / "split.csv").exists()
