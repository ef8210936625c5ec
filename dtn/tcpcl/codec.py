"""The octets of TCPCLv4: messages written, and read from a stream.

Source: RFC 9174 sections 4 to 6, at the messages of `dtn.tcpcl.message`.

A stream is one contact header and then messages, each of which begins with its type. Nothing marks
their ends: a reader that loses its place has lost the stream. `MessageReader` therefore takes octets
as they come, split anywhere, gives whole messages, and raises `MalformedMessage` for good when it
cannot go on.

Refused: types that do not exist, node identifiers that are no UTF-8, and lengths above what this
side said that it takes. Nothing is allocated by a length that was claimed. Extension items are
handed on as octets (`dtn.tcpcl.extension`).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from struct import Struct

from dtn.errors import LightlagError
from dtn.tcpcl.message import (
    SEGMENT_START,
    ContactHeader,
    Keepalive,
    Message,
    MessageReject,
    MessageType,
    RefuseReason,
    RejectReason,
    SessionInit,
    SessionTerm,
    TermReason,
    TransferAck,
    TransferRefuse,
    TransferSegment,
)

MAGIC = b"dtn!"
MAX_EXTENSIONS_BYTES = 0x1_0000
"""More octets of extension items in one message are refused."""

_CONTACT = Struct("!4sBB")
_INIT = Struct("!BHQQH")
_SEGMENT = Struct("!BBQ")
_ACK = Struct("!BBQQ")
_REFUSE = Struct("!BBQ")
_TWO = Struct("!BBB")  # SESS_TERM, MSG_REJECT
_UINT32 = Struct("!I")
_UINT64 = Struct("!Q")


class Flaw(Enum):
    """What is wrong with a stream."""

    MAGIC = "does not begin as TCPCL does"
    TYPE = "message of an unknown type"
    LENGTH = "longer than agreed"
    CONTENT = "content that cannot be"


class MalformedMessage(LightlagError):
    """Octets that are no TCPCL message; the stream cannot be read any further.

    Args:
        flaw: what is wrong.
        header: first octet of the message.
    """

    def __init__(self, flaw: Flaw, header: int) -> None:
        self.flaw = flaw
        self.header = header
        super().__init__(f"{flaw.value}: 0x{header:02x}")


def encode(message: ContactHeader | Message) -> bytes:
    """The octets of a message."""
    match message:
        case TransferSegment(flags, transfer, data, extensions):
            return segment_head(flags, transfer, len(data), extensions) + data
        case TransferAck(flags, transfer, acknowledged_bytes):
            return _ACK.pack(MessageType.XFER_ACK, flags, transfer, acknowledged_bytes)
        case TransferRefuse(reason, transfer):
            return _REFUSE.pack(MessageType.XFER_REFUSE, reason, transfer)
        case Keepalive():
            return bytes((MessageType.KEEPALIVE,))
        case SessionTerm(flags, reason):
            return _TWO.pack(MessageType.SESS_TERM, flags, reason)
        case MessageReject(reason, header):
            return _TWO.pack(MessageType.MSG_REJECT, reason, header)
        case SessionInit():
            return _encode_init(message)
        case ContactHeader(flags, version):
            return _CONTACT.pack(MAGIC, version, flags)


def _encode_init(init: SessionInit) -> bytes:
    node_id = init.node_id.encode()
    head = _INIT.pack(
        MessageType.SESS_INIT,
        init.keepalive_s,
        init.segment_mru_bytes,
        init.transfer_mru_bytes,
        len(node_id),
    )
    return head + node_id + _UINT32.pack(len(init.extensions)) + init.extensions


def segment_head(flags: int, transfer: int, data_bytes: int, extensions: bytes = b"") -> bytes:
    """An XFER_SEGMENT up to its data."""
    head = _SEGMENT.pack(MessageType.XFER_SEGMENT, flags, transfer)
    if flags & SEGMENT_START:
        head += _UINT32.pack(len(extensions)) + extensions
    return head + _UINT64.pack(data_bytes)


class MessageReader:
    """Reads one direction of a session.

    Args:
        segment_mru_bytes: the longest segment that this side takes.
    """

    def __init__(self, segment_mru_bytes: int) -> None:
        self._segment_mru_bytes = segment_mru_bytes
        self._octets = bytearray()
        self._at = 0

    @property
    def pending_bytes(self) -> int:
        """Octets that have come in and are not read yet."""
        return len(self._octets) - self._at

    def feed(self, octets: bytes) -> None:
        """Octets came in."""
        if self._at:
            del self._octets[: self._at]
            self._at = 0
        self._octets += octets

    def contact_header(self) -> ContactHeader | None:
        """The contact header, or None while octets are missing.

        Raises:
            MalformedMessage: the stream is not of TCPCL; known from the first octet that differs.
        """
        start = self._octets[:4]
        if start != MAGIC[: len(start)]:
            raise MalformedMessage(Flaw.MAGIC, start[0])
        if len(self._octets) < _CONTACT.size:
            return None
        _, version, flags = _CONTACT.unpack_from(self._octets)
        self._at = _CONTACT.size
        return ContactHeader(flags, version)

    def message(self) -> Message | None:
        """The next message, or None while octets of it are missing.

        Raises:
            MalformedMessage: the stream cannot be read any further.
        """
        at = self._at
        if at >= len(self._octets):
            return None
        header = self._octets[at]
        if not MessageType.XFER_SEGMENT <= header <= MessageType.SESS_INIT:
            raise MalformedMessage(Flaw.TYPE, header)
        return _READERS[header](self)

    # -- one message each; they move on only when it is whole

    def _segment(self) -> TransferSegment | None:
        fields = self._fixed(_SEGMENT)
        if fields is None:
            return None
        _, flags, transfer = fields
        at = self._at + _SEGMENT.size
        extensions = b""
        if flags & SEGMENT_START:
            listed = self._counted(at, _UINT32, MAX_EXTENSIONS_BYTES)
            if listed is None:
                return None
            extensions, at = listed
        body = self._counted(at, _UINT64, self._segment_mru_bytes)
        if body is None:
            return None
        data, self._at = body
        return TransferSegment(flags, transfer, data, extensions)

    def _init(self) -> SessionInit | None:
        fields = self._fixed(_INIT)
        if fields is None:
            return None
        header, keepalive_s, segment_mru_bytes, transfer_mru_bytes, length = fields
        start = self._at + _INIT.size
        listed = self._counted(start + length, _UINT32, MAX_EXTENSIONS_BYTES)
        if listed is None:
            return None
        extensions, end = listed
        try:
            node_id = self._octets[start : start + length].decode()
        except UnicodeDecodeError:
            raise MalformedMessage(Flaw.CONTENT, header) from None
        self._at = end
        return SessionInit(keepalive_s, segment_mru_bytes, transfer_mru_bytes, node_id, extensions)

    def _ack(self) -> TransferAck | None:
        fields = self._take(_ACK)
        return None if fields is None else TransferAck(*fields[1:])

    def _refuse(self) -> TransferRefuse | None:
        fields = self._take(_REFUSE)
        return None if fields is None else TransferRefuse(RefuseReason(fields[1]), fields[2])

    def _keepalive(self) -> Keepalive:
        self._at += 1
        return Keepalive()

    def _term(self) -> SessionTerm | None:
        fields = self._take(_TWO)
        return None if fields is None else SessionTerm(fields[1], TermReason(fields[2]))

    def _reject(self) -> MessageReject | None:
        fields = self._take(_TWO)
        return None if fields is None else MessageReject(RejectReason(fields[1]), fields[2])

    def _fixed(self, layout: Struct) -> tuple[int, ...] | None:
        """The fixed fields of the message that begins here."""
        if self.pending_bytes < layout.size:
            return None
        return layout.unpack_from(self._octets, self._at)

    def _take(self, layout: Struct) -> tuple[int, ...] | None:
        """A message of fixed fields only."""
        fields = self._fixed(layout)
        if fields is not None:
            self._at += layout.size
        return fields

    def _counted(self, at: int, layout: Struct, most_bytes: int) -> tuple[bytes, int] | None:
        """A length and as many octets, and where they end."""
        start = at + layout.size
        if start > len(self._octets):
            return None
        (length,) = layout.unpack_from(self._octets, at)
        if length > most_bytes:
            raise MalformedMessage(Flaw.LENGTH, self._octets[self._at])
        end = start + length
        if end > len(self._octets):
            return None
        return bytes(memoryview(self._octets)[start:end]), end


_READERS: dict[int, Callable[[MessageReader], Message | None]] = {
    MessageType.XFER_SEGMENT: MessageReader._segment,
    MessageType.XFER_ACK: MessageReader._ack,
    MessageType.XFER_REFUSE: MessageReader._refuse,
    MessageType.KEEPALIVE: MessageReader._keepalive,
    MessageType.SESS_TERM: MessageReader._term,
    MessageType.MSG_REJECT: MessageReader._reject,
    MessageType.SESS_INIT: MessageReader._init,
}
