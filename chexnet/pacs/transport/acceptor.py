"""Listening: one thread accepts and does nothing else, each connection has its own."""

import logging
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from chexnet.pacs.transport.association import (
    Association,
    AssociationRefused,
    Deadlines,
    Receiver,
    Wire,
    under_tls,
)
from chexnet.pacs.transport.upper_layer import AssociationRequest, ProtocolError

_log = logging.getLogger("chexnet.pacs")

PERMANENT, TRANSIENT = 1, 2
_SERVICE_USER, _PRESENTATION_PROVIDER = 1, 3
_CALLING_UNKNOWN, _CALLED_UNKNOWN, _LIMIT_EXCEEDED, _NO_REASON = 3, 7, 2, 1


@dataclass(frozen=True)
class AcceptorLimits:
    """What peers may take.

    Attributes:
        associations: at a time, of all peers.
        associations_per_peer: at a time, of one address.
        connections: at a time, associated or not; the one that has waited longest makes room.
        pdu_bytes: announced as the longest PDU; memory is bounded by eight times this for each association.
        artim_seconds: for TLS handshake and association request, each.
        idle_seconds: between two messages.
        pdu_seconds: for one PDU.
    """

    associations: int = 32
    associations_per_peer: int = 16
    connections: int = 512
    pdu_bytes: int = 131072
    artim_seconds: float = 10.0
    idle_seconds: float = 10.0
    pdu_seconds: float = 30.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise ValueError(f"{name} is {value}; expected more than 0")
        if self.pdu_bytes < 4096:
            raise ValueError(f"pdu_bytes is {self.pdu_bytes}; expected at least 4096")


@dataclass(frozen=True)
class Admission:
    """Who may associate; an empty list admits everybody."""

    called: tuple[str, ...] = ()
    calling: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()


class _Slot:
    """One connection's place; TLS puts another socket into it."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.since = time.monotonic()

    def close(self) -> None:
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
        self.connection.close()


class Acceptor:
    """Listens for associations.

    Args:
        receiver: takes objects.
        admission: who may associate.
        limits: see there.
        host: to listen on.
        port: 0 takes any free one.
        tls: None for plain TCP.
        implementation: class UID and version name.
        count: called with a word for each connection's end, for metrics.

    Raises:
        OSError: the port cannot be listened on.
    """

    def __init__(
        self,
        receiver: Receiver,
        *,
        admission: Admission,
        limits: AcceptorLimits,
        host: str,
        port: int,
        tls: ssl.SSLContext | None,
        implementation: tuple[str, str],
        count: Callable[[str], None],
    ) -> None:
        self._receiver = receiver
        self._admission = admission
        self._limits = limits
        self._tls = tls
        self._implementation = implementation
        self._count = count
        self._lock = threading.Lock()
        self._waiting: set[_Slot] = set()
        self._associated: dict[_Slot, str] = {}
        self._stopping = threading.Event()
        self._listener = socket.create_server((host, port), backlog=256)
        self.port: int = self._listener.getsockname()[1]

    def start(self) -> None:
        """Begin to accept."""
        threading.Thread(target=self._accept, name="acceptor", daemon=True).start()

    def stop(self, seconds: float = 5.0) -> None:
        """Accept no more, and give associations so long to end."""
        self._stopping.set()
        self._listener.close()
        deadline = time.monotonic() + seconds
        while self._associated and time.monotonic() < deadline:
            time.sleep(0.05)
        with self._lock:
            remaining = [*self._waiting, *self._associated]
        for slot in remaining:
            slot.close()

    def associations(self) -> int:
        """How many there are now."""
        return len(self._associated)

    def _accept(self) -> None:
        self._listener.settimeout(0.5)
        while not self._stopping.is_set():
            try:
                connection, (address, *_) = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                if self._stopping.is_set():
                    return
                # Too many open files, for example: others end and make room.
                time.sleep(0.05)
                continue
            self._make_room()
            slot = _Slot(connection)
            with self._lock:
                self._waiting.add(slot)
            threading.Thread(target=self._serve, args=(slot, address), daemon=True).start()

    def _make_room(self) -> None:
        with self._lock:
            if len(self._waiting) + len(self._associated) < self._limits.connections or not self._waiting:
                return
            oldest = min(self._waiting, key=lambda slot: slot.since)
            self._waiting.remove(oldest)
        oldest.close()
        self._count("pushed out")

    def _serve(self, slot: _Slot, address: str) -> None:
        word = "released"
        try:
            slot.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                slot.connection = under_tls(slot.connection, self._tls, self._limits.artim_seconds)
                slot.connection.do_handshake()
            limits = self._limits
            Association(
                Wire(slot.connection),
                address,
                self._receiver,
                lambda request, peer: self._admit(slot, request, peer),
                deadlines=Deadlines(limits.artim_seconds, limits.idle_seconds, limits.pdu_seconds),
                maximum_length=limits.pdu_bytes,
                implementation=self._implementation,
            ).run()
        except AssociationRefused as refusal:
            word = refusal.word
        except ProtocolError as error:
            word = "protocol error"
            _log.warning("association aborted", extra={"peer": address, "reason": str(error)})
        except TimeoutError:
            word = "timeout"
        except ssl.SSLError:
            word = "tls failure"
        except OSError:
            word = "connection lost"
        except Exception:
            word = "internal error"
            _log.exception("association failed", extra={"peer": address})
        finally:
            with self._lock:
                self._waiting.discard(slot)
                self._associated.pop(slot, None)
            self._count(word)
            slot.close()

    def _admit(self, slot: _Slot, request: AssociationRequest, address: str) -> None:
        admission, limits = self._admission, self._limits
        if admission.addresses and address not in admission.addresses:
            raise AssociationRefused(PERMANENT, _SERVICE_USER, _NO_REASON, "address not admitted")
        if admission.called and request.called not in admission.called:
            raise AssociationRefused(PERMANENT, _SERVICE_USER, _CALLED_UNKNOWN, "called AE title unknown")
        if admission.calling and request.calling not in admission.calling:
            raise AssociationRefused(PERMANENT, _SERVICE_USER, _CALLING_UNKNOWN, "calling AE title unknown")
        with self._lock:
            there = Counter(self._associated.values())
            full = there.total() >= limits.associations or there[address] >= limits.associations_per_peer
            if not full:
                self._waiting.discard(slot)
                self._associated[slot] = address
        if full:
            raise AssociationRefused(TRANSIENT, _PRESENTATION_PROVIDER, _LIMIT_EXCEEDED, "too many")
