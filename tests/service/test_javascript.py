"""The page's JavaScript is linted and type-checked. The page has no build step: these are checks only."""

import shutil
import subprocess
from pathlib import Path

import pytest

CHECKS = Path(__file__).with_name("javascript")
SOURCES = Path(__file__).parents[2] / "chexnet/service/static/js"


@pytest.fixture(scope="module")
def tools() -> Path:
    """The folder of the programs, installed once from the versions that package-lock.json names."""
    if shutil.which("npm") is None:
        pytest.skip("no npm; install Node.js to check the page's JavaScript")
    programs = CHECKS / "node_modules/.bin"
    if not (programs / "tsc").exists():
        installed = _run("npm", "ci", "--no-audit", "--no-fund", folder=CHECKS)
        if installed.returncode != 0:
            pytest.skip(f"npm ci fails in {CHECKS}: {installed.stderr.strip()[-200:]}")
    return programs


def _run(*command: str | Path, folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, check=False, cwd=folder, capture_output=True, text=True, timeout=300)


def test_the_linter_has_no_complaint(tools: Path) -> None:
    done = _run(tools / "eslint", "--config", CHECKS / "eslint.config.js", ".", folder=SOURCES)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_types_fit(tools: Path) -> None:
    done = _run(tools / "tsc", "--project", CHECKS, folder=CHECKS)
    assert done.returncode == 0, done.stdout + done.stderr


def test_both_notice_a_fault(tools: Path, tmp_path: Path) -> None:
    """A check that passes everything would be none."""
    (tmp_path / "fault.js").write_text('export const wrong = "text".lenght + undefinedName;\n')
    linted = _run(tools / "eslint", "--config", CHECKS / "eslint.config.js", ".", folder=tmp_path)
    assert "undefinedName" in linted.stdout
    options = ["--allowJs", "--checkJs", "--noEmit", "--strict", "--ignoreConfig", "fault.js"]
    typed = _run(tools / "tsc", *options, folder=tmp_path)
    assert "lenght" in typed.stdout


def test_openseadragon_is_the_file_of_the_npm_package(tools: Path) -> None:
    published = CHECKS / "node_modules/openseadragon/build/openseadragon/openseadragon.min.js"
    (vendored,) = (SOURCES.parent / "vendor").glob("openseadragon-*/openseadragon.min.js")
    assert vendored.read_bytes() == published.read_bytes()
