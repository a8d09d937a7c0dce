"""The install line of the service's page works from a clone: the package is not on any index."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


def test_pip_installs_the_service_from_the_clone(tmp_path: Path) -> None:
    """Without its dependencies, which are installed here already, and without touching this environment."""
    pytest.importorskip("hatchling", reason="the build backend is not installed")
    page = (REPOSITORY / "docs/service.md").read_text(encoding="utf-8")
    named = re.search(r"^pip install '([^']+)'", page, re.MULTILINE)
    assert named
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-build-isolation"]
    command += ["--target", str(tmp_path), named[1]]
    done = subprocess.run(command, check=False, cwd=REPOSITORY, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "chexnet/service/static/index.html").is_file()
