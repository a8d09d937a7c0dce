"""DICOM over TCP and TLS as an acceptor: limits before memory, bytes to disk before Success (PS3.7, PS3.8).

Written here rather than around pynetdicom's acceptor, which makes the TLS handshake on the accepting thread,
buffers a PDU of any declared length, and lets its own order of transfer syntaxes decide.
"""

from chexnet.pacs.transport.acceptor import Acceptor, AcceptorLimits, Admission
from chexnet.pacs.transport.association import Peer, Receiver, Reception

__all__ = ["Acceptor", "AcceptorLimits", "Admission", "Peer", "Receiver", "Reception"]
