"""One connection: negotiation, then one message after another, each with a deadline and a limit."""

import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from chexnet.pacs.transport import commands, upper_layer
from chexnet.pacs.transport.commands import Command, parsed_command, response
from chexnet.pacs.transport.upper_layer import AssociationRequest, ProtocolError, fragments

MOST_COMMAND_BYTES = 16384


@dataclass(frozen=True)
class Peer:
    """Who sends: the AE titles and the address of its connection."""

    calling: str
    called: str
    address: str


@runtime_checkable
class Reception(Protocol):
    """One object on its way in."""

    def write(self, content: memoryview) -> None:
        """Take the next bytes of the data set."""

    def finish(self) -> int:
        """Make the object durable; the DIMSE status to answer."""

    def discard(self) -> None:
        """Forget what arrived, as the connection ended before the object did."""


@runtime_checkable
class Receiver(Protocol):
    """What an association does with the objects that arrive."""

    def accepts(self, abstract_syntax: str, transfer_syntaxes: tuple[str, ...]) -> tuple[int, str]:
        """The result of a proposed context, and the transfer syntax chosen."""

    def begin(self, command: Command, abstract_syntax: str, transfer_syntax: str, peer: Peer) -> Reception:
        """Start to receive the data set of a command."""


@dataclass(frozen=True)
class Deadlines:
    """Seconds that a peer has.

    Attributes:
        artim: from the connection to a complete association request (PS3.8 9.1.5).
        idle: between two messages.
        pdu: from the first to the last byte of one PDU.
    """

    artim: float
    idle: float
    pdu: float


class Wire:
    """A socket that is read with deadlines."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def read(self, count: int, deadline: float) -> bytearray:
        """Exactly so many bytes.

        Raises:
            TimeoutError: they do not arrive in time.
            ConnectionError: the peer closed the connection.
        """
        content = bytearray(count)
        view, have = memoryview(content), 0
        while have < count:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("the peer is too slow")
            self._connection.settimeout(left)
            got = self._connection.recv_into(view[have:])
            if not got:
                raise ConnectionError("the peer closed the connection")
            have += got
        return content

    def send(self, content: bytes) -> None:
        """All bytes, within ten seconds."""
        self._connection.settimeout(10)
        self._connection.sendall(content)


class AssociationRefused(Exception):
    """An association that is not accepted; its arguments are result, source, reason and a word for it."""

    def __init__(self, result: int, source: int, reason: int, word: str) -> None:
        super().__init__(word)
        self.pdu = upper_layer.rejecting(result, source, reason)
        self.word = word


Admit = Callable[[AssociationRequest, str], None]
"""Raises AssociationRefused for whom the node does not know, or where a limit is reached."""


class Association:
    """The acceptor's side of one association.

    Args:
        wire: the connection, after its TLS handshake.
        address: of the peer.
        receiver: decides on contexts and takes objects.
        admit: decides on the peer.
        deadlines: see there.
        maximum_length: announced for PDUs; a PDU of more than eight times as much ends the association.
        implementation: class UID and version name.
    """

    def __init__(
        self,
        wire: Wire,
        address: str,
        receiver: Receiver,
        admit: Admit,
        *,
        deadlines: Deadlines,
        maximum_length: int,
        implementation: tuple[str, str],
    ) -> None:
        self._wire = wire
        self._address = address
        self._receiver = receiver
        self._admit = admit
        self._deadlines = deadlines
        self._maximum_length = maximum_length
        self._implementation = implementation
        self._contexts: dict[int, tuple[str, str]] = {}
        self._peer = Peer("", "", address)
        self._command = bytearray()
        self._asked: Command | None = None
        self._reception: Reception | None = None
        self._receiving_on = 0

    def run(self) -> None:
        """Serve the peer until it releases or aborts.

        Raises:
            AssociationRefused: the peer was answered with a rejection.
            ProtocolError: the peer was answered with an abort.
            OSError: the connection was lost, or a deadline passed.
        """
        try:
            self._negotiate()
            while self._next_pdu():
                pass
        except AssociationRefused as refusal:
            self._wire.send(refusal.pdu)
            raise
        except (ProtocolError, TimeoutError):
            self._wire.send(upper_layer.aborting(0))
            raise
        finally:
            if self._reception is not None:
                self._reception.discard()

    def _read_pdu(self, begins_by: float, most: int) -> tuple[int, bytearray]:
        header = self._wire.read(6, begins_by)
        kind, length = header[0], int.from_bytes(header[2:6], "big")
        if length > most:
            raise ProtocolError(f"a PDU of {length} bytes; expected at most {most}")
        return kind, self._wire.read(length, max(begins_by, time.monotonic() + self._deadlines.pdu))

    def _negotiate(self) -> None:
        deadline = time.monotonic() + self._deadlines.artim
        header = self._wire.read(6, deadline)
        length = int.from_bytes(header[2:6], "big")
        if header[0] != upper_layer.ASSOCIATE_RQ or length > 262144:
            raise ProtocolError("the first PDU is no association request of at most 262144 bytes")
        body = bytes(self._wire.read(length, deadline))
        request = upper_layer.parsed_request(body)
        self._peer = Peer(request.calling, request.called, self._address)
        self._admit(request, self._address)
        results = {}
        for context in request.contexts:
            result, syntax = self._receiver.accepts(context.abstract_syntax, context.transfer_syntaxes)
            results[context.number] = (result, syntax)
            if result == upper_layer.ACCEPTED:
                self._contexts[context.number] = (context.abstract_syntax, syntax)
        accepted = {abstract for abstract, _ in self._contexts.values()}
        # A requestor that wants to be SCP, as for storage commitment reports, may.
        roles = {uid: wanted for uid, wanted in request.roles.items() if uid in accepted}
        self._wire.send(
            upper_layer.accepting(
                body,
                results,
                maximum_length=self._maximum_length,
                roles=roles,
                implementation=self._implementation,
            )
        )

    def _next_pdu(self) -> bool:
        """Read and serve one PDU; False where the association has ended."""
        kind, body = self._read_pdu(
            time.monotonic() + self._deadlines.idle, max(65536, 8 * self._maximum_length)
        )
        if kind == upper_layer.DATA:
            for fragment in fragments(body):
                self._take(fragment)
            return True
        if kind == upper_layer.RELEASE_RQ:
            self._wire.send(upper_layer.RELEASED)
            return False
        if kind == upper_layer.ABORT:
            return False
        raise ProtocolError(f"unexpected PDU type {kind}")

    def _take(self, fragment: upper_layer.Fragment) -> None:
        if fragment.context not in self._contexts:
            raise ProtocolError(f"a message on context {fragment.context}, which was not accepted")
        if fragment.is_command:
            self._take_command(fragment)
        elif self._reception is None or fragment.context != self._receiving_on:
            raise ProtocolError("a data set without a command; expected the command first")
        else:
            self._reception.write(fragment.content)
            if fragment.is_last:
                self._finish()

    def _take_command(self, fragment: upper_layer.Fragment) -> None:
        if self._reception is not None:
            raise ProtocolError("a command within a data set; expected the data set's last fragment")
        self._command += fragment.content
        if len(self._command) > MOST_COMMAND_BYTES:
            raise ProtocolError(f"a command of more than {MOST_COMMAND_BYTES} bytes")
        if not fragment.is_last:
            return
        command, self._command = parsed_command(bytes(self._command)), bytearray()
        if command.field & commands.RESPONSE:
            raise ProtocolError("a response that nothing was asked for")
        if command.has_data_set:
            abstract, transfer = self._contexts[fragment.context]
            self._asked, self._receiving_on = command, fragment.context
            self._reception = self._receiver.begin(command, abstract, transfer, self._peer)
            return
        known = command.field == commands.C_ECHO
        status = commands.SUCCESS if known else commands.UNRECOGNIZED_OPERATION
        self._answer(fragment.context, command, status)

    def _finish(self) -> None:
        assert self._reception is not None and self._asked is not None
        reception, self._reception = self._reception, None
        self._answer(self._receiving_on, self._asked, reception.finish())

    def _answer(self, context: int, command: Command, status: int) -> None:
        self._wire.send(upper_layer.command_pdu(context, response(command, status)))


def under_tls(connection: socket.socket, context: ssl.SSLContext, seconds: float) -> ssl.SSLSocket:
    """The connection under TLS; its handshake is still to be made, with this deadline."""
    connection.settimeout(seconds)
    return context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
