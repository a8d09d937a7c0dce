import sys


def test_a_mirror_that_answers_nothing_gives_lines_and_status_2(chexnet_cli, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["chexnet.datasets.download"].time, "sleep", lambda _: None)
    result = chexnet_cli("download", tmp_path / "here", "--mirror", "http://127.0.0.1:9/", "--archive", "3")
    assert result.status == 2
    lines = result.err.splitlines()
    assert [line.partition(": ")[0] for line in lines] == [
        "Data_Entry_2017_v2020.csv",
        "BBox_List_2017.csv",
        "train_val_list.txt",
        "test_list.txt",
        "images_003.tar.gz",
    ]
    assert "Traceback" not in result.err


def test_a_mirror_that_is_no_address_gives_one_line(chexnet_cli, tmp_path):
    result = chexnet_cli("download", tmp_path / "here", "--mirror", "ftp://there")
    assert result.status == 1
    assert (
        result.err == "Error: mirror is 'ftp://there'; expected an address that begins with http or https\n"
    )
    assert not (tmp_path / "here").exists()
