import csv
import subprocess
import sys

WITHOUT_MATPLOTLIB = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "matplotlib":
            raise ModuleNotFoundError(f"No module named {name!r}", name="matplotlib")

sys.meta_path.insert(0, Blocker())
from chexnet.cli import main
main(["report", "predictions.csv", "--labels", "labels.csv"])
"""


def write(path, *rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


def tables(folder):
    rows = [(f"{row}.png", row // 2, row % 2, (row * 7 % 40 + 8 * (row % 2)) / 60) for row in range(40)]
    predictions = write(folder / "p.csv", ["image", "Pneumonia"], *([row[0], row[3]] for row in rows))
    labels = write(folder / "l.csv", ["image", "patient", "Pneumonia"], *(row[:3] for row in rows))
    return predictions, labels


def test_the_report_gathers_tables_readers_and_films(chexnet_cli, example_film, tmp_path):
    predictions, labels = tables(tmp_path)
    readings = write(
        tmp_path / "r.csv",
        ["image", "reader", "Pneumonia"],
        *([f"{row}.png", f"R{reader}", (row + reader) % 2] for row in range(40) for reader in range(2)),
    )
    ran = chexnet_cli(
        "report", predictions, "--labels", labels, "--output", tmp_path / "out" / "r.html", "--samples", 100,
        "--readings", readings, "--finding", "Pneumonia", "--threshold", 0.3,
        "--film", f"{example_film}=Pneumonia", "--figures", tmp_path / "figures",
    )  # fmt: skip
    assert ran.status == 0
    text = (tmp_path / "out" / "r.html").read_text(encoding="utf-8")
    for section in ("Discrimination", "Calibration", "Radiologists", "Films", "Limitations"):
        assert f">{section}</h2>" in text
    assert (tmp_path / "figures" / "roc.pdf").is_file()


def test_wrong_requests_give_one_clear_line(chexnet_cli, example_film, tmp_path):
    predictions, labels = tables(tmp_path)
    for options, reason in (
        (("--film", "film.png"), "expected FILE=FINDING"),
        (("--film", f"{example_film}=Broken_Rib"), "has no finding 'Broken_Rib'"),
        (("--boxes", "boxes.csv"), "--boxes needs --images"),
        (("--readings", "missing.csv", "--threshold", "0.5"), "no such file"),
    ):
        ran = chexnet_cli(
            "report",
            predictions,
            "--labels",
            labels,
            "--output",
            tmp_path / "r.html",
            "--samples",
            100,
            *options,
        )
        assert ran.status == 1
        assert reason in ran.err
        assert not (tmp_path / "r.html").exists()


def test_localise_reports_boxes_that_are_none(chexnet_cli, tmp_path):
    for name, content, reason in (
        ("missing.csv", None, "no such file"),
        ("b.csv", "image,x,y,width\na,1,2,3\n", "no column 'height'"),
        ("c.csv", "image,x,y,width,height\na,1,2,3,4\n", "name the finding"),
        ("d.csv", "image,finding,x,y,width,height\na,Rib,1,2,3,4\n", "no finding Rib"),
        ("e.csv", "image,finding,x,y,width,height\na,Mass,1,2,3,4\n", "holds none of the 1 boxed films"),
    ):
        if content:
            (tmp_path / name).write_text(content)
        ran = chexnet_cli("localise", tmp_path / name, "--images", tmp_path)
        assert ran.status == 1
        assert reason in ran.err


def test_the_light_install_says_what_a_report_needs():
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT_MATPLOTLIB], capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 1
    assert ended.stderr == (
        "Error: the report needs matplotlib, which the light install leaves out; install chexnet[report]\n"
    )
