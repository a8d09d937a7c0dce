"""The alert rules, by Prometheus' own tool; and that every metric in them exists."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from chexnet.pacs.node.measures import Measures
from chexnet.pacs.node.spool import Spool
from chexnet.pacs.node.work_queue import work_queue

RULES = Path(__file__).resolve().parents[2] / "deploy" / "node-alerts.yml"

SERIES = """
rule_files: [{rules}]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - series: chexnet_node_dead_letters
        values: 0x9 2x20
      - series: chexnet_node_silence_seconds
        values: 0+60x600
    alert_rule_test:
      - eval_time: 9m
        alertname: ChexnetNodeDeadLetters
      - eval_time: 20m
        alertname: ChexnetNodeDeadLetters
        exp_alerts:
          - exp_annotations:
              summary: "2 results are not sent any more: chexnet queue list --state dead."
      - eval_time: 5h
        alertname: ChexnetNodeSilent
      - eval_time: 6h1m
        alertname: ChexnetNodeSilent
        exp_alerts:
          - exp_annotations:
              summary: No image has arrived for 6h 1m 0s.
"""


def test_promtool_takes_the_rules_and_they_fire_when_they_should(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool; on Debian: apt-get install prometheus")
    subprocess.run([promtool, "check", "rules", str(RULES)], check=True, capture_output=True)
    tests = tmp_path / "tests.yml"
    tests.write_text(SERIES.format(rules=RULES))
    done = subprocess.run(
        [promtool, "test", "rules", str(tests)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_metric_of_the_rules_is_one_of_the_nodes(tmp_path: Path) -> None:
    from prometheus_client.exposition import generate_latest

    queue = work_queue(f"sqlite:///{tmp_path / 'queue.sqlite'}")
    measures: Any = Measures(queue, Spool(tmp_path, "test"))
    measures.received("CR", 1)
    measures.not_taken("disk limit")
    measures.sent("pacs", "sent")
    measures._outcomes.labels("ok").inc()
    exposed = generate_latest(measures.registry).decode()
    named = set(re.findall(r"chexnet_node_\w+", RULES.read_text()))
    assert named
    assert {name for name in named if f"\n{name}" not in exposed} == set()
    queue.close()
