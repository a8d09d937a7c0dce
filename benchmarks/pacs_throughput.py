"""The node against a plain pynetdicom handler that predicts inside the handler, in one run.

    nice -n 10 python benchmarks/pacs_throughput.py --objects 24

Both get the same objects on 1, 4 and 16 associations from the same sender. Printed for each: seconds until
all were acknowledged, objects per second, seconds until all were done, and for the node the median from
C-STORE to the result's arrival at a recording sink.
"""

import argparse
import io
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

from pydicom import dcmread
from pynetdicom import AE, evt

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "pacs"))

from real_node import RealNode, send, sink_destination  # noqa: E402
from recording_sink import Sink, wait_for  # noqa: E402
from sources import small_source  # noqa: E402

from chexnet.classifier import load  # noqa: E402


def sent(port: int, contents: list[bytes], associations: int) -> float:
    """Seconds until every object is acknowledged."""
    threads = [
        threading.Thread(target=send, args=(port, contents[place::associations], "BENCH", 600))
        for place in range(associations)
    ]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - began


def plain(contents: list[bytes], associations: int) -> float:
    """The handler that predicts before it answers: acknowledged is predicted."""
    classifier = load()

    def store(event: evt.Event) -> int:
        classifier.predict(event.encoded_dataset(), gate=False)
        return 0

    entity = AE(ae_title="CHEXNET")
    entity.maximum_associations = 32
    dataset = dcmread(io.BytesIO(contents[0]), stop_before_pixels=True)
    entity.add_supported_context(str(dataset.SOPClassUID), str(dataset.file_meta.TransferSyntaxUID))
    handlers = [(evt.EVT_C_STORE, store)]
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    took = sent(server.server_address[1], contents, associations)
    server.shutdown()
    return took


def node(contents: list[bytes], associations: int) -> tuple[float, float, float]:
    """Seconds to acknowledge and to deliver everything, and the median delay of a result."""
    sink, arrived = Sink(), []
    sink._status = lambda _: arrived.append(time.perf_counter()) or 0
    with tempfile.TemporaryDirectory() as folder:
        one = RealNode(Path(folder), [sink_destination(sink.port)]).start()
        began = time.perf_counter()
        acknowledged = sent(one.port, contents, associations)
        wait_for(lambda: len(arrived) >= 2 * len(contents), 900)
        delivered = max(arrived) - began
        one.stop()
    sink.stop()
    return acknowledged, delivered, statistics.median(arrived) - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=24)
    count = parser.parse_args().objects
    print("associations  what    acknowledged  objects/s  all done  median result")
    for associations in (1, 4, 16):
        contents = [small_source(f"bench {associations} {number}") for number in range(count)]
        took = plain(contents, associations)
        print(f"{associations:>12}  plain  {took:>12.1f} s {count / took:>9.1f} {took:>8.1f} s")
        acknowledged, delivered, median = node(contents, associations)
        print(
            f"{associations:>12}  node   {acknowledged:>12.1f} s {count / acknowledged:>9.1f} "
            f"{delivered:>8.1f} s {median:>10.1f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
