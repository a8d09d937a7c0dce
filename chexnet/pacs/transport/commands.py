"""DIMSE command sets (PS3.7 section 9.3, annex E): Implicit VR Little Endian elements of group 0000."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from chexnet.pacs.transport.upper_layer import ProtocolError

C_STORE, C_ECHO, N_EVENT_REPORT = 0x0001, 0x0030, 0x0100
RESPONSE = 0x8000
NO_DATA_SET = 0x0101

SUCCESS = 0x0000
DUPLICATE_INVOCATION = 0x0210
UNRECOGNIZED_OPERATION = 0x0211
CLASS_NOT_SUPPORTED = 0x0122
OUT_OF_RESOURCES = 0xA700
CANNOT_UNDERSTAND = 0xC000


@dataclass(frozen=True)
class Command:
    """A command set: what is asked, about which object.

    Attributes:
        field: (0000,0100) Command Field.
        message: (0000,0110) Message ID.
        sop_class: (0000,0002) Affected SOP Class UID.
        sop_instance: (0000,1000) Affected SOP Instance UID.
        event_type: (0000,1002), of an N-EVENT-REPORT.
        has_data_set: (0000,0800).
    """

    field: int
    message: int
    sop_class: str
    sop_instance: str
    event_type: int
    has_data_set: bool


def parsed_command(content: bytes) -> Command:
    """Decode a command set.

    Raises:
        ProtocolError: an element is cut short, or the Command Field is missing.
    """
    elements: dict[int, bytes] = {}
    position = 0
    while position + 8 <= len(content):
        group, element, length = struct.unpack_from("<HHI", content, position)
        position += 8
        if group != 0 or position + length > len(content):
            raise ProtocolError("a command element is cut short or not of group 0000")
        elements[element] = content[position : position + length]
        position += length
    if 0x0100 not in elements:
        raise ProtocolError("a command set without (0000,0100) Command Field")
    return Command(
        field=_number(elements, 0x0100),
        message=_number(elements, 0x0110),
        sop_class=_uid(elements, 0x0002),
        sop_instance=_uid(elements, 0x1000),
        event_type=_number(elements, 0x1002),
        has_data_set=_number(elements, 0x0800, NO_DATA_SET) != NO_DATA_SET,
    )


def _number(elements: Mapping[int, bytes], element: int, default: int = 0) -> int:
    value = elements.get(element, b"")
    return int.from_bytes(value, "little") if len(value) == 2 else default


def _uid(elements: Mapping[int, bytes], element: int) -> str:
    return elements.get(element, b"").decode("ascii", "replace").strip("\0 ")


def response(command: Command, status: int) -> bytes:
    """The encoded response to a command."""
    elements = {
        0x0002: _padded(command.sop_class),
        0x0100: struct.pack("<H", command.field | RESPONSE),
        0x0120: struct.pack("<H", command.message),
        0x0800: struct.pack("<H", NO_DATA_SET),
        0x0900: struct.pack("<H", status),
    }
    if command.field != C_ECHO and command.sop_instance:
        elements[0x1000] = _padded(command.sop_instance)
    if command.field == N_EVENT_REPORT:
        elements[0x1002] = struct.pack("<H", command.event_type)
    body = b"".join(
        struct.pack("<HHI", 0, element, len(value)) + value for element, value in sorted(elements.items())
    )
    return struct.pack("<HHII", 0, 0, 4, len(body)) + body


def _padded(uid: str) -> bytes:
    return uid.encode("ascii", "replace") + b"\0" * (len(uid) % 2)
