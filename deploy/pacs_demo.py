"""Two minutes with the node: Debian's Orthanc as the archive, the node, one synthetic radiograph.

Run by `python3 tasks.py pacs-demo`. Orthanc answers HTTP from this machine only, and takes no DICOM
associations; the node sends to it by STOW-RS.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from urllib.error import URLError

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "chexnet" / "examples" / "synthetic_thorax_opacity.dcm"
ORTHANC = "http://127.0.0.1:8042"
PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")


def answer(url: str) -> bytes:
    """What is at a URL; empty where nothing answers."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            content: bytes = response.read()
            return content
    except (URLError, OSError):
        return b""


def wait_for(url: str, expected: bytes = b"") -> bytes:
    """The content at a URL, once it is there and holds `expected`."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if (content := answer(url)) and expected in content:
            return content
        time.sleep(0.3)
    sys.exit(f"{url} did not answer within a minute")


def main() -> None:
    """Start both, send, say where to look, and stop on Enter."""
    if shutil.which("Orthanc") is None or not PLUGIN.exists():
        sys.exit("this needs Orthanc; on Debian: apt-get install orthanc orthanc-dicomweb")
    if answer(f"{ORTHANC}/system"):
        sys.exit(f"something answers at {ORTHANC} already; stop it first (systemctl stop orthanc)")
    folder = Path(tempfile.mkdtemp(prefix="chexnet-pacs-demo-"))
    watched = folder / "watched"
    watched.mkdir()
    processes = [_orthanc(folder), _node(folder, watched)]
    try:
        wait_for(f"{ORTHANC}/system")
        wait_for("http://127.0.0.1:8104/healthz")
        print("sending the synthetic radiograph to the archive and to the node …", flush=True)
        urllib.request.urlopen(f"{ORTHANC}/instances", EXAMPLE.read_bytes(), timeout=30).close()
        shutil.copy(EXAMPLE, watched / "image.part")
        (watched / "image.part").rename(watched / "image.dcm")
        wait_for("http://127.0.0.1:8104/metrics", b'chexnet_node_tasks{of="orthanc",state="confirmed"} 2.0')
        for study in json.loads(answer(f"{ORTHANC}/studies?expand")):
            print(f"\nstudy {study['ID']} holds:")
            for series in study["Series"]:
                tags = json.loads(answer(f"{ORTHANC}/series/{series}"))["MainDicomTags"]
                print(f"  {tags['Modality']}: {tags.get('SeriesDescription', 'the radiograph')}")
        print(f"\nOrthanc   {ORTHANC}/app/explorer.html")
        print("metrics   http://127.0.0.1:8104/metrics")
        print(f"queue     chexnet queue list --config {folder / 'node.toml'}")
        print("modality  send DICOM to 127.0.0.1 port 11112, AE title CHEXNET")
        if sys.stdin.isatty():
            input("\nEnter stops both. ")
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def _orthanc(folder: Path) -> "subprocess.Popen[bytes]":
    config = folder / "orthanc.json"
    settings = {
        "Name": "chexnet demo",
        "StorageDirectory": str(folder / "archive"),
        "IndexDirectory": str(folder / "archive"),
        "HttpPort": 8042,
        "DicomServerEnabled": False,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "Plugins": [str(PLUGIN)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }
    config.write_text(json.dumps(settings), encoding="utf-8")
    (folder / "archive").mkdir()
    log = (folder / "orthanc.log").open("wb")
    return subprocess.Popen(["Orthanc", str(config)], stdout=log, stderr=log)


def _node(folder: Path, watched: Path) -> "subprocess.Popen[bytes]":
    config = folder / "node.toml"
    config.write_text(
        f'spool = "{folder / "spool"}"\nwatched = "{watched}"\nleast_free_mb = 100\n'
        f'[[destination]]\nname = "orthanc"\nkind = "stow"\nurl = "{ORTHANC}/dicom-web"\n'
        'confirmation = "qido"\nconfirm_seconds = 1\n',
        encoding="utf-8",
    )
    log = (folder / "node.log").open("wb")
    command = [sys.executable, "-m", "chexnet", "node", "--config", str(config)]
    return subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT, env=os.environ)


if __name__ == "__main__":
    main()
