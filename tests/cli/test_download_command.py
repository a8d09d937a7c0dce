import sys

import chexnet.datasets  # noqa: F401 (the module below)


def test_a_mirror_that_answers_nothing_gives_lines_and_status_2(chexnet_cli, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["chexnet.datasets.download"].time, "sleep", lambda _: None)
    result = chexnet_cli("download", tmp_path / "here", "--mirror", "http://127.0.0.1:9/", "--archive", "3")
    assert result.status == 2
    lines = result.err.splitlines()
    tables = "Data_Entry_2017_v2020.csv", "BBox_List_2017.csv", "train_val_list.txt", "test_list.txt"
    # The first file is asked for again, and told so; of a server that is not there, the others are not.
    again = [line for line in lines if "trying again" in line]
    assert [line.partition(": ")[0] for line in again] == [f"http://127.0.0.1:9/{tables[0]}"] * 4
    ends = [line for line in lines if line not in again]
    assert [line.partition(": ")[0] for line in ends] == [*tables, "images_003.tar.gz"]
    assert ["5 times" in line for line in ends] == [True, False, False, False, False]
    assert all("refused" in line for line in lines)
    assert "Traceback" not in result.err


def test_a_mirror_that_is_no_address_gives_one_line(chexnet_cli, tmp_path):
    result = chexnet_cli("download", tmp_path / "here", "--mirror", "ftp://there")
    assert result.status == 1
    assert (
        result.err == "Error: mirror is 'ftp://there'; expected an address that begins with http or https\n"
    )
    assert not (tmp_path / "here").exists()
