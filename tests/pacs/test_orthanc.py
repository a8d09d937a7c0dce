"""Debian's Orthanc as the archive: stores, finds, commits and answers over DICOMweb."""

import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from sources import NAMES


def test_orthanc_stores_confirms_and_reads_the_names(tmp_path: Path) -> None:
    if shutil.which("Orthanc") is None or not list(Path("/usr/share/orthanc/plugins").glob("*DicomWeb*")):
        pytest.skip("no Orthanc; on Debian: apt-get install orthanc orthanc-dicomweb")
    if subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode:
        pytest.skip("no network namespace can be made; Orthanc listens on every address")
    script = Path(__file__).with_name("orthanc_session.py")
    done = subprocess.run(
        ["unshare", "--net", sys.executable, str(script), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:] + (tmp_path / "node" / "node.log").read_text()[-3000:]
    seen = json.loads(done.stdout.splitlines()[-1])
    images = len(NAMES)
    assert seen["statuses"] == [0] * images
    states = Counter((destination, state) for destination, state, _ in seen["deliveries"])
    assert states == {
        ("query", "confirmed"): 2 * images,
        ("commitment", "confirmed"): images,
        ("web", "confirmed"): 3 * images,
    }
    # Capture, three forms of report, presentation state; the capture of two destinations is one object.
    assert seen["instances"] == 5 * images
    for name in ("ir100", "ir144", "ir192", "gb18030"):
        assert NAMES[name][1] in seen["names"]
