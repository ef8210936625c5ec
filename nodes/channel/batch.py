"""Frames of one link as octets: what one message on a link's topic carries.

    header    version (1 octet), session of the sending process (8)
    frame     sequence (8), sent_s (8), arrives_s (8), length of name (2) and content (4), both

Integers are big-endian, times IEEE 754 doubles, so that they arrive as they were. The name is that
of the bundle that a frame carries, for the log; empty where it carries segments; a sign begins with "!". Source and
destination are the topic's, where the broker's access list guards them.

A sender that was killed and started again counts its frames from 0 anew: another session.

It refuses frames that are not octets: between processes a Bundle is its encoding.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from dtn.errors import MalformedFrames
from nodes.channel.frame import Frame

VERSION = 1
_HEADER = struct.Struct("!BQ")
_FRAME = struct.Struct("!QddHI")

FRAME_OVERHEAD_BYTES = _FRAME.size


SIGN = "!"


class Named(NamedTuple):
    """A frame and the name of the bundle that it carries, or "".

    A sign carries nothing: it is what light alone tells, such as that a terminal is off, in words.
    """

    frame: Frame
    bundle_id: str
    sign: str = ""


def encode_batch(session: int, frames: Iterable[Named]) -> bytes:
    """Octets of some frames of one link, in order."""
    parts = [_HEADER.pack(VERSION, session)]
    for frame, bundle_id, sign in frames:
        assert isinstance(frame.content, bytes)
        name = f"{SIGN}{sign}".encode() if sign else bundle_id.encode()
        parts.append(
            _FRAME.pack(
                frame.sequence, frame.sent_s, frame.arrives_s, len(name), len(frame.content)
            )
        )
        parts += (name, frame.content)
    return b"".join(parts)


def decode_batch(octets: bytes, source: str, destination: str) -> tuple[int, list[Named]]:
    """The session and the frames of a message.

    Raises:
        MalformedFrames: octets that `encode_batch` did not make.
    """
    if len(octets) < _HEADER.size:
        raise MalformedFrames("too short for a header", len(octets))
    version, session = _HEADER.unpack_from(octets)
    if version != VERSION:
        raise MalformedFrames(f"version {version}, this one reads {VERSION}", 0)
    return session, list(_frames(octets, source, destination))


def _frames(octets: bytes, source: str, destination: str) -> Iterator[Named]:
    place = _HEADER.size
    while place < len(octets):
        if len(octets) - place < _FRAME.size:
            raise MalformedFrames("cut short in a frame's header", place)
        sequence, sent_s, arrives_s, name_bytes, size_bytes = _FRAME.unpack_from(octets, place)
        if not (-math.inf < sent_s <= arrives_s < math.inf):
            raise MalformedFrames("arrives before it was sent", place)
        name_at = place + _FRAME.size
        content_at = name_at + name_bytes
        place = content_at + size_bytes
        if place > len(octets):
            raise MalformedFrames("cut short in a frame", name_at)
        try:
            name = octets[name_at:content_at].decode()
        except UnicodeDecodeError:
            raise MalformedFrames("a name that is no text", name_at) from None
        content = octets[content_at:place]
        frame = Frame(source, destination, sequence, sent_s, arrives_s, size_bytes, content)
        if name.startswith(SIGN):
            yield Named(frame, "", name.removeprefix(SIGN))
        else:
            yield Named(frame, name)
