import json

import pytest

from chexnet.pacs.node.transmission import meaning, stored


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (0x0000, "sent"),
        (0xB000, "sent"),
        (0xB007, "sent"),
        (0xA700, "transient"),
        (0xA701, "transient"),
        (0x0110, "transient"),
        (0xA900, "permanent"),
        (0xC001, "permanent"),
        (0x0122, "permanent"),
        (0x0124, "permanent"),
    ],
)
def test_a_status_of_c_store_says_what_to_do(status: int, outcome: str) -> None:
    assert meaning(status).outcome == outcome


def failed(reason: int | None) -> bytes:
    item = {} if reason is None else {"00081197": {"vr": "US", "Value": [reason]}}
    return json.dumps({"00081198": {"vr": "SQ", "Value": [item]}}).encode()


KEPT = json.dumps({"00081198": {"vr": "SQ"}, "00081199": {"vr": "SQ", "Value": [{}]}}).encode()


@pytest.mark.parametrize(
    ("http", "body", "outcome"),
    [
        (200, KEPT, "sent"),
        (200, b"", "sent"),
        (202, KEPT, "sent"),
        (200, failed(0xA700), "transient"),
        (206, failed(0x0110), "transient"),
        (409, failed(0x0122), "permanent"),
        (409, failed(None), "permanent"),
        (202, failed(0xA900), "permanent"),
        (400, b"<html>", "permanent"),
    ],
)
def test_failed_sop_sequence_goes_before_the_http_status(http: int, body: bytes, outcome: str) -> None:
    assert stored(http, body).outcome == outcome
