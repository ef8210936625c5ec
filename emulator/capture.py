"""Capture: what crossed the links, as a file that Wireshark opens.

The pcap format with nanoseconds, link type raw IP. A frame's time is when its last bit left, in the emulated UTC.
Light carries neither IP nor UDP: these are put around the octets so that dissectors find their way.

    a bundle        a datagram of the UDP convergence layer, port 4556 (RFC 7122)
    LTP segments    a datagram each, port 1113 (RFC 7122 section 3.3)
    a larger bundle a transfer in a TCPCLv4 session, port 4556 (RFC 9174): an IP packet ends at 64 KiB

Node 101 is 10.0.0.101: the low 24 bits of its number behind 10; from 2^24 on the number itself is the address.

The file appears under its name when it is whole.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from errno import EISDIR
from pathlib import Path
from struct import Struct
from types import TracebackType
from typing import IO, Self

from dtn.bundle import Bundle
from dtn.codec import encode
from dtn.errors import BadInput, Fault
from dtn.ltp.segment import read_segment
from dtn.tcpcl import codec, message
from nodes.channel.channel import Channel, Receive
from nodes.channel.frame import Frame

UDPCL_PORT = TCPCL_PORT = 4556
LTP_PORT = 1113
LARGEST_DATAGRAM_BYTES = 65507
_CALLER_PORT = 40000
_LARGEST_PACKET_BYTES = 65535
_TCP_CHUNK_BYTES = 61_440
_NANOSECOND_MAGIC = 0xA1B23C4D
_RAW_IP = 101
_BUNDLE_START = 0x9F
_TCP, _UDP = 6, 17
_PUSH_ACK = 0x18
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_FILE_HEADER = Struct("<IHHiIII")
_RECORD_HEADER = Struct("<IIII")
_IP_HEADER = Struct(">BBHHHBBHII")
_UDP_HEADER = Struct(">HHHH")
_TCP_HEADER = Struct(">HHIIBBHHH")
_PSEUDO_HEADER = Struct(">IIBBH")


class Capture:
    """Writes frames to a file as they leave.

        with Capture(path, start, numbers) as capture:
            capture.add(frame)

    Args:
        path: the file to be.
        start: the instant that seconds count from.
        numbers: node numbers by name.

    Raises:
        BadInput: the file cannot be written.
    """

    def __init__(self, path: Path, start: datetime, numbers: Mapping[str, int]) -> None:
        self._path = path
        self._part = path.parent / f"{path.name}.part"
        self._start_ns = (start - _EPOCH) // (datetime.resolution) * 1000
        self._addresses = {name: _address(number) for name, number in numbers.items()}
        self._numbers = numbers
        self._sessions: dict[tuple[str, str], _Session] = {}
        self._packets = 0
        try:
            if path.is_dir():
                raise IsADirectoryError(EISDIR, os.strerror(EISDIR))
            self._file: IO[bytes] = self._part.open("wb")
        except OSError as fault:
            mend = f"cannot be written ({fault.strerror}): name a file in a folder that is there"
            raise BadInput(Fault("", "--capture", str(path), mend)) from None
        self._file.write(
            _FILE_HEADER.pack(_NANOSECOND_MAGIC, 2, 4, 0, 0, _LARGEST_PACKET_BYTES, _RAW_IP)
        )

    def add(self, frame: Frame) -> None:
        """Write what a frame carries."""
        content = frame.content
        octets = encode(content) if isinstance(content, Bundle) else content
        if octets[:1] != bytes((_BUNDLE_START,)):
            for segment in _segments(octets):
                self._datagram(frame, LTP_PORT, segment)
        elif len(octets) <= LARGEST_DATAGRAM_BYTES:
            self._datagram(frame, UDPCL_PORT, octets)
        else:
            self._transfer(frame, octets)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()
        if kind is None:
            self._part.replace(self._path)
        else:
            self._part.unlink(missing_ok=True)

    def _datagram(self, frame: Frame, port: int, octets: bytes) -> None:
        size = _UDP_HEADER.size + len(octets)
        source, destination = self._addresses[frame.source], self._addresses[frame.destination]
        bare = _UDP_HEADER.pack(port, port, size, 0) + octets
        checksum = _checksum(_PSEUDO_HEADER.pack(source, destination, 0, _UDP, size) + bare)
        header = _UDP_HEADER.pack(port, port, size, checksum)
        self._packet(frame.sent_s, source, destination, _UDP, header + octets)

    def _transfer(self, frame: Frame, octets: bytes) -> None:
        """A bundle in the session of its link, which opens with the first."""
        ends = (frame.source, frame.destination)
        session = self._sessions.get(ends)
        if session is None:
            session = self._sessions[ends] = _Session()
            for end in ends:
                self._say(frame, session, end, codec.encode(message.ContactHeader()))
            for end in ends:
                node_id = f"ipn:{self._numbers[end]}.0"
                init = message.SessionInit(0, 2**63, 2**63, node_id)
                self._say(frame, session, end, codec.encode(init))
        flags = message.SEGMENT_START | message.SEGMENT_END
        head = codec.segment_head(flags, session.transfers, len(octets))
        session.transfers += 1
        self._say(frame, session, frame.source, head + octets)

    def _say(self, frame: Frame, session: _Session, speaker: str, octets: bytes) -> None:
        """Octets of a session, in as many packets as they need."""
        is_caller = speaker == frame.source
        listener = frame.destination if is_caller else frame.source
        ports = (_CALLER_PORT, TCPCL_PORT) if is_caller else (TCPCL_PORT, _CALLER_PORT)
        source, destination = self._addresses[speaker], self._addresses[listener]
        for at in range(0, len(octets), _TCP_CHUNK_BYTES):
            chunk = octets[at : at + _TCP_CHUNK_BYTES]
            said, heard = session.sequences[not is_caller], session.sequences[is_caller]
            fields = (*ports, said, heard, _TCP_HEADER.size // 4 << 4, _PUSH_ACK, 0xFFFF)
            bare = _TCP_HEADER.pack(*fields, 0, 0) + chunk
            checksum = _checksum(
                _PSEUDO_HEADER.pack(source, destination, 0, _TCP, len(bare)) + bare
            )
            self._packet(
                frame.sent_s,
                source,
                destination,
                _TCP,
                _TCP_HEADER.pack(*fields, checksum, 0) + chunk,
            )
            session.sequences[not is_caller] = (said + len(chunk)) % 2**32

    def _packet(
        self, when_s: float, source: int, destination: int, protocol: int, octets: bytes
    ) -> None:
        size = _IP_HEADER.size + len(octets)
        self._packets += 1
        fields = (0x45, 0, size, self._packets % 2**16, 0, 64, protocol)
        checksum = _checksum(_IP_HEADER.pack(*fields, 0, source, destination))
        seconds, nanoseconds = divmod(self._start_ns + round(when_s * 1e9), 10**9)
        self._file.write(_RECORD_HEADER.pack(seconds, nanoseconds, size, size))
        self._file.write(_IP_HEADER.pack(*fields, checksum, source, destination))
        self._file.write(octets)


class _Session:
    """The synthetic session of one link: what either side has said so far, and how many transfers."""

    def __init__(self) -> None:
        self.sequences = [1, 1]
        self.transfers = 0


class TappedChannel:
    """A channel that shows each frame to someone before it carries it.

    Args:
        channel: carries the frames.
        tap: is shown them.
    """

    def __init__(self, channel: Channel, tap: Callable[[Frame], object]) -> None:
        self._channel = channel
        self._tap = tap

    def attach(self, node: str, receive: Receive) -> None:
        """The node is up."""
        self._channel.attach(node, receive)

    def detach(self, node: str) -> None:
        """The node is down."""
        self._channel.detach(node)

    def send(self, frame: Frame, bundle_id: str) -> None:
        """Show a frame, and carry it."""
        self._tap(frame)
        self._channel.send(frame, bundle_id)


def _segments(octets: bytes) -> Iterator[bytes]:
    """The LTP segments that a frame carries, one behind the other."""
    at = 0
    while at < len(octets):
        _, end = read_segment(octets, at)
        yield octets[at:end]
        at = end


def _address(number: int) -> int:
    return number if number >> 24 else 10 << 24 | number


def _checksum(octets: bytes) -> int:
    """The Internet checksum (RFC 1071): 2^16 is 1 modulo 2^16 - 1, so the sum of words is a remainder."""
    if len(octets) % 2:
        octets += b"\0"
    return 0xFFFF - int.from_bytes(octets, "big") % 0xFFFF
