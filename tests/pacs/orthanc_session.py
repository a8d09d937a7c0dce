"""Debian's Orthanc and a node, in a network namespace of their own: Orthanc listens on every address.

Run by `unshare --net python orthanc_session.py FOLDER`; prints one JSON object of what was seen.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

sys.path.insert(0, str(Path(__file__).parent))

from real_node import RealNode, send
from recording_sink import wait_for
from sources import NAMES, named, source

ORTHANC = "http://127.0.0.1:8042"
PLUGINS = ["/usr/share/orthanc/plugins/libOrthancDicomWeb.so"]


def orthanc(folder: Path, node_port: int) -> "subprocess.Popen[bytes]":
    """A running Orthanc that knows the node."""
    config = folder / "orthanc.json"
    config.write_text(
        json.dumps(
            {
                "Name": "chexnet test",
                "StorageDirectory": str(folder / "db"),
                "IndexDirectory": str(folder / "db"),
                "HttpPort": 8042,
                "DicomPort": 4242,
                "DicomAet": "ORTHANC",
                "RemoteAccessAllowed": False,
                "AuthenticationEnabled": False,
                "DicomAlwaysAllowStore": True,
                "DicomAlwaysAllowFind": True,
                "DicomModalities": {
                    "node": {"AET": "CHEXNET", "Host": "127.0.0.1", "Port": node_port, "AllowFind": True}
                },
                "Plugins": PLUGINS,
                "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
            }
        )
    )
    (folder / "db").mkdir()
    log = (folder / "orthanc.log").open("wb")
    process = subprocess.Popen(["Orthanc", str(config)], stdout=log, stderr=log)
    wait_for(lambda: reachable(f"{ORTHANC}/system"), 60)
    return process


def reachable(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def session(folder: Path) -> dict[str, Any]:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    dicom = {"host": "127.0.0.1", "port": 4242, "ae_title": "ORTHANC", "confirm_seconds": 1}
    node = RealNode(
        folder / "node",
        [
            {"name": "query", **dicom, "confirmation": "c-find"},
            {
                "name": "commitment",
                **dicom,
                "confirmation": "commitment",
                "confirm_seconds": 10,
                "objects": {"report": "comprehensive", "capture": False},
            },
            {
                "name": "web",
                "kind": "stow",
                "url": f"{ORTHANC}/dicom-web",
                "confirmation": "qido",
                "confirm_seconds": 1,
                "objects": {"report": "air", "presentation_state": True},
            },
        ],
    )
    server = orthanc(folder, node.port)
    node.start()
    try:
        contents = [source(name, named(*NAMES[name])) for name in NAMES]
        statuses = send(node.port, contents)

        def settled() -> bool:
            rows = [row for row in node.listed() if row["what"] == "delivery"]
            return len(rows) >= 6 * len(contents) and all(
                row["state"] in ("confirmed", "dead") for row in rows
            )

        try:
            wait_for(settled, 150, 0.5)
        finally:
            rows = [row for row in node.listed() if row["what"] == "delivery"]
        instances = httpx.get(f"{ORTHANC}/instances?expand").json()
        patients = httpx.get(f"{ORTHANC}/patients?expand").json()
        return {
            "statuses": statuses,
            "deliveries": [[row["destination"], row["state"], row["reason"]] for row in rows],
            "instances": len(instances),
            "names": sorted(one["MainDicomTags"].get("PatientName", "") for one in patients),
            "seen_at": time.time(),
        }
    finally:
        node.stop()
        server.terminate()
        server.wait(20)


if __name__ == "__main__":
    print(json.dumps(session(Path(sys.argv[1]))))
