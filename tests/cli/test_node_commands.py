import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from chexnet.cli import main

pytest.importorskip("pynetdicom")
pytest.importorskip("sqlalchemy")

from chexnet.pacs.node import node_settings, work_queue
from chexnet.pacs.node.work_queue import Arrival
from chexnet.pacs.objects import ResultObject


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, arguments)
    return result.exit_code, result.output


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "node.toml"
    path.write_text(
        f'spool = "{tmp_path / "spool"}"\nleast_free_mb = 1\n[[destination]]\nname = "pacs"\n'
        'host = "127.0.0.1"\nport = 1\nae_title = "PACS"\ntimeout_seconds = 1\n'
    )
    (tmp_path / "spool").mkdir()
    return path


def with_a_dead_letter(config: Path) -> None:
    queue = work_queue(node_settings(config, {}).database_url)
    queue.add(Arrival("1.2.3", "ab", "incoming/a.dcm", 10, "CR1", 1.0))
    result = ResultObject("report", "1.2", "1.3", "1.4", "1.5", b"")
    queue.built(1, [(result, "results/1.5.dcm", ["pacs"])])
    (delivery,) = queue.take_deliveries("pacs", "waiting", "test", 60.0, 10)
    queue.settle(delivery.id, "dead", reason="status A900")
    queue.close()


def test_the_queue_is_listed_shown_retried_and_dropped(config: Path) -> None:
    with_a_dead_letter(config)
    status, output = run("queue", "list", "--config", str(config), "--state", "dead")
    row = json.loads(output)
    assert status == 0 and row["reason"] == "status A900" and row["destination"] == "pacs"
    assert "1.2.3" not in run("queue", "list", "--config", str(config))[1]
    shown = json.loads(run("queue", "show", "--config", str(config), "1")[1])
    assert shown["calling"] == "CR1" and shown["deliveries"][0]["state"] == "dead"
    assert run("queue", "retry", "--config", str(config), "--destination", "pacs")[1].startswith("1 tasks")
    assert json.loads(run("queue", "list", "--config", str(config), "--state", "waiting")[1])
    assert run("queue", "drop", "--config", str(config), "1") == (0, "1 tasks dropped\n")
    status, output = run("queue", "drop", "--config", str(config), "1")
    assert status == 1 and "nothing of image 1" in output
    status, output = run("queue", "show", "--config", str(config), "7")
    assert status == 1 and "no image 7" in output


def test_the_doctor_names_what_does_not_work(config: Path) -> None:
    status, output = run("node", "doctor", "--config", str(config))
    assert status == 1
    assert "ok      spool" in output and "ok      model" in output
    assert "FAILED  destination pacs" in output


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("spol = 1", "no setting spol"),
        ('spool = "s"\nport = "x"', "port is 'x'; expected int"),
        ('spool = "s"\n[[destination]]\nname = "a"', "expected host and ae_title"),
        ("port = 104", "lacks"),
        ('spool = "s"\n[limits]\nidle_seconds = 0', "expected more than 0"),
        ('spool = "s"\n[[destination]]\nname = "a"\nkind = "ftp"', "expected dicom, stow"),
        ("not toml", "expected a TOML file"),
    ],
)
def test_settings_are_checked_before_anything_starts(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    status, output = run("node", "--config", str(path))
    assert status == 1 and message in output


def test_the_environment_goes_before_the_file(config: Path) -> None:
    settings = node_settings(
        config,
        {
            "CHEXNET_NODE_PORT": "1234",
            "CHEXNET_NODE_AE_TITLE": "ROOM1",
            "CHEXNET_NODE_LIMITS__IDLE_SECONDS": "5",
            "CHEXNET_NODE_DATABASE": "postgresql://user@host/queue",
        },
    )
    assert (settings.port, settings.ae_title, settings.limits.idle_seconds) == (1234, "ROOM1", 5.0)
    assert settings.database_url == "postgresql+psycopg://user@host/queue"
