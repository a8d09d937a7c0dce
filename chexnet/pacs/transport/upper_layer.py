"""Protocol data units of the DICOM upper layer (PS3.8 section 9.3), as bytes and as dataclasses."""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

ASSOCIATE_RQ, ASSOCIATE_RJ, DATA, RELEASE_RQ, RELEASE_RP, ABORT = 1, 3, 4, 5, 6, 7
_ASSOCIATE_AC = 2

ACCEPTED, USER_REJECTION, NO_ABSTRACT_SYNTAX, NO_TRANSFER_SYNTAX = 0, 1, 3, 4
"""Results of one presentation context (Table 9-18)."""

_APPLICATION_CONTEXT = b"1.2.840.10008.3.1.1.1"


class ProtocolError(Exception):
    """Bytes that are not a valid PDU; the message says why."""


@dataclass(frozen=True)
class ProposedContext:
    """A presentation context as the requestor proposes it: what is sent, and in which encodings."""

    number: int
    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...]


@dataclass(frozen=True)
class AssociationRequest:
    """An A-ASSOCIATE-RQ.

    Attributes:
        called: AE title of this side, trimmed.
        calling: AE title of the requestor, trimmed.
        contexts: in the requestor's order.
        maximum_length: of the PDUs that the requestor takes; 0 is unlimited.
        roles: by SOP class, whether the requestor wants to be SCU and SCP (PS3.7 D.3.3.4).
    """

    called: str
    calling: str
    contexts: tuple[ProposedContext, ...]
    maximum_length: int
    roles: Mapping[str, tuple[int, int]]


def parsed_request(body: bytes) -> AssociationRequest:
    """The A-ASSOCIATE-RQ behind its six bytes of header.

    Raises:
        ProtocolError: an item is cut short, or a context has no syntax.
    """
    if len(body) < 68:
        raise ProtocolError(f"association request of {len(body)} bytes; expected at least 68")
    contexts: list[ProposedContext] = []
    maximum_length, roles = 0, {}
    for kind, content in _items(body[68:]):
        if kind == 0x20:
            contexts.append(_context(content))
        elif kind == 0x50:
            for sub_kind, value in _items(content):
                if sub_kind == 0x51 and len(value) == 4:
                    maximum_length = int.from_bytes(value, "big")
                elif sub_kind == 0x54:
                    sop_class, wanted = _role(value)
                    roles[sop_class] = wanted
    if not contexts:
        raise ProtocolError("association request without presentation contexts; expected at least one")
    return AssociationRequest(_title(body[4:20]), _title(body[20:36]), tuple(contexts), maximum_length, roles)


def _items(body: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position < len(body):
        if position + 4 > len(body):
            raise ProtocolError("an item header is cut short; expected four bytes")
        kind, length = body[position], int.from_bytes(body[position + 2 : position + 4], "big")
        position += 4
        if position + length > len(body):
            raise ProtocolError(f"an item declares {length} bytes; {len(body) - position} are there")
        yield kind, body[position : position + length]
        position += length


def _context(content: bytes) -> ProposedContext:
    if len(content) < 4:
        raise ProtocolError("a presentation context is cut short; expected its number")
    abstract, transfer = "", []
    for kind, value in _items(content[4:]):
        if kind == 0x30:
            abstract = _uid(value)
        elif kind == 0x40:
            transfer.append(_uid(value))
    if not abstract or not transfer:
        raise ProtocolError("a presentation context lacks a syntax; expected one abstract and one transfer")
    return ProposedContext(content[0], abstract, tuple(transfer))


def _role(value: bytes) -> tuple[str, tuple[int, int]]:
    length = int.from_bytes(value[:2], "big")
    if len(value) < length + 4:
        raise ProtocolError("a role selection is cut short; expected SOP class and two roles")
    return _uid(value[2 : 2 + length]), (value[2 + length], value[3 + length])


def _uid(value: bytes) -> str:
    return value.decode("ascii", "replace").strip("\0 ")


def _title(value: bytes) -> str:
    return value.decode("ascii", "replace").strip("\0 ")


def _item(kind: int, content: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(content)) + content


def _pdu(kind: int, body: bytes) -> bytes:
    return struct.pack(">BxI", kind, len(body)) + body


def accepting(
    request_body: bytes,
    results: Mapping[int, tuple[int, str]],
    *,
    maximum_length: int,
    roles: Mapping[str, tuple[int, int]],
    implementation: tuple[str, str],
) -> bytes:
    """An A-ASSOCIATE-AC: the result and syntax of each context, by number."""
    items = [_item(0x10, _APPLICATION_CONTEXT)]
    for number, (result, syntax) in results.items():
        items.append(_item(0x21, bytes([number, 0, result, 0]) + _item(0x40, syntax.encode())))
    class_uid, version = implementation
    user = [
        _item(0x51, struct.pack(">I", maximum_length)),
        _item(0x52, class_uid.encode()),
        _item(0x55, version.encode()),
    ]
    for sop_class, (scu, scp) in roles.items():
        uid = sop_class.encode()
        user.append(_item(0x54, struct.pack(">H", len(uid)) + uid + bytes([scu, scp])))
    items.append(_item(0x50, b"".join(user)))
    # Titles and reserved bytes are returned as they came (Table 9-17).
    return _pdu(_ASSOCIATE_AC, b"\0\1\0\0" + request_body[4:68] + b"".join(items))


def rejecting(result: int, source: int, reason: int) -> bytes:
    """An A-ASSOCIATE-RJ (Table 9-21)."""
    return _pdu(ASSOCIATE_RJ, bytes([0, result, source, reason]))


def aborting(reason: int) -> bytes:
    """An A-ABORT of the service provider (Table 9-26)."""
    return _pdu(ABORT, bytes([0, 0, 2, reason]))


RELEASED = _pdu(RELEASE_RP, b"\0\0\0\0")


@dataclass(frozen=True)
class Fragment:
    """A presentation data value: a piece of a command or of a data set (PS3.8 annex E)."""

    context: int
    is_command: bool
    is_last: bool
    content: memoryview


def fragments(body: bytes | bytearray) -> Iterator[Fragment]:
    """The fragments of a P-DATA-TF.

    Raises:
        ProtocolError: a fragment is cut short.
    """
    view, position = memoryview(body), 0
    while position < len(body):
        if position + 6 > len(body):
            raise ProtocolError("a fragment header is cut short; expected six bytes")
        length = int.from_bytes(view[position : position + 4], "big")
        if length < 2 or position + 4 + length > len(body):
            raise ProtocolError(f"a fragment declares {length} bytes; {len(body) - position - 4} are there")
        control = view[position + 5]
        yield Fragment(
            view[position + 4],
            bool(control & 1),
            bool(control & 2),
            view[position + 6 : position + 4 + length],
        )
        position += 4 + length


def command_pdu(context: int, command: bytes) -> bytes:
    """A command in one P-DATA-TF; commands of this side fit into any PDU."""
    return _pdu(DATA, struct.pack(">IBB", len(command) + 2, context, 3) + command)
