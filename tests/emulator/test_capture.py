"""The capture of a run: octets, times and addresses; and what tshark makes of it."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import pytest

import emulator
from dtn.bundle import BlockType
from dtn.codec import decode
from dtn.contact_plan import Contact, ContactPlan
from dtn.errors import BadInput
from dtn.events import BundleDelivered, TransferStarted
from dtn.ltp.segment import DataSegment, ReportSegment, decode_segment
from emulator import scenario as scenarios
from emulator.capture import Capture, _checksum
from emulator.cli import main
from emulator.setup import Setup, over
from nodes.channel.frame import Frame
from tests.emulator.test_scenario import GOOD

FILE = """
[[traffic]]
name = "image"
application = "file"
from = "base"
to = "teide"
size = "300 kB"
chunk = "150 kB"
period = "1h"
first = "1h"
lifetime = "1d"
"""
LTP = 'convergence = "ltp"\nltp = { segment = "1400 B", frame_loss = 0.02 }\n'
START = datetime(2026, 12, 1, tzinfo=UTC)


class Packet(NamedTuple):
    time_s: float
    protocol: int
    source: str
    destination: str
    payload: bytes


def packets_of(path: Path) -> list[Packet]:
    """The packets of a capture, read without anything that wrote it; every checksum is right."""
    octets = path.read_bytes()
    magic, *_, link = struct.unpack_from("<IHHiIII", octets)
    assert (magic, link) == (0xA1B23C4D, 101)
    at, found = 24, []
    while at < len(octets):
        seconds, nanoseconds, size, original = struct.unpack_from("<IIII", octets, at)
        packet = octets[at + 16 : at + 16 + size]
        assert size == original == struct.unpack_from(">H", packet, 2)[0]
        assert words(packet[:20]) == 0xFFFF
        protocol = packet[9]
        assert (
            words(packet[12:20] + struct.pack(">HH", protocol, size - 20) + packet[20:]) == 0xFFFF
        )
        ends = [".".join(map(str, packet[start : start + 4])) for start in (12, 16)]
        payload = packet[28:] if protocol == 17 else packet[40:]
        found.append(Packet(seconds + nanoseconds / 1e9, protocol, *ends, payload))
        at += 16 + size
    return found


def words(octets: bytes) -> int:
    """The one's complement sum of 16-bit words, one by one (RFC 1071)."""
    total = 0
    for (word,) in struct.iter_unpack(">H", octets + b"\0" * (len(octets) % 2)):
        total += word
        total = (total & 0xFFFF) + (total >> 16)
    return total


def setup_of(folder: Path, text: str = GOOD) -> Setup:
    (folder / "small.toml").write_text(text)
    contacts = [
        Contact(*ends, 0.0, 20_000.0, 1e6, 1.3) for ends in (("base", "teide"), ("teide", "base"))
    ]
    return over(scenarios.load(folder / "small.toml"), ContactPlan(contacts))


def captured(folder: Path, text: str = GOOD, **options: object) -> tuple[emulator.Result, Path]:
    path = folder / "run.pcap"
    result = emulator.run(setup_of(folder, text), capture=path, until=10_000.0, **options)  # type: ignore[arg-type]
    return result, path


def test_every_bundle_that_crossed_is_there_with_its_time_and_addresses(tmp_path: Path) -> None:
    result, path = captured(tmp_path)
    started = [event for event in result.log if isinstance(event, TransferStarted)]
    packets = packets_of(path)
    assert len(packets) == len(started) > 30
    for packet, event in zip(packets, started, strict=True):
        bundle = decode(packet.payload)
        assert (str(bundle.id), len(packet.payload)) == (event.bundle, event.size_bytes)
        assert (packet.source, packet.destination) == ("10.0.0.2", "10.0.0.1")
        assert bundle.block(BlockType.PREVIOUS_NODE) is not None
        last_bit_s = event.t_s + 8 * event.size_bytes / 1e6
        assert packet.time_s - START.timestamp() == pytest.approx(last_bit_s, abs=1e-6)


def test_a_capture_changes_nothing_and_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    result, path = captured(tmp_path)
    first = path.read_bytes()
    again, _ = captured(tmp_path)
    assert path.read_bytes() == first
    plain = emulator.run(setup_of(tmp_path), until=10_000.0)
    assert list(result.log) == list(again.log) == list(plain.log)
    assert [file.name for file in tmp_path.iterdir() if "part" in file.name] == []


def test_with_ltp_each_segment_is_a_datagram(tmp_path: Path) -> None:
    result, path = captured(tmp_path, LTP + GOOD)
    assert any(isinstance(event, BundleDelivered) for event in result.log)
    packets = packets_of(path)
    kinds = {type(decode_segment(packet.payload)) for packet in packets}
    assert {DataSegment, ReportSegment} <= kinds
    assert {packet.source for packet in packets} == {"10.0.0.1", "10.0.0.2"}
    times = [packet.time_s for packet in packets]
    assert times == sorted(times)


def test_a_bundle_beyond_a_datagram_is_a_transfer_in_a_session(tmp_path: Path) -> None:
    _, path = captured(tmp_path, GOOD + FILE)
    packets = [packet for packet in packets_of(path) if packet.protocol == 6]
    called = b"".join(packet.payload for packet in packets if packet.source == "10.0.0.2")
    answered = b"".join(packet.payload for packet in packets if packet.source == "10.0.0.1")
    assert called[:6] == answered[:6] == b"dtn!\x04\x00"
    assert called.count(b"ipn:2.0") == answered.count(b"ipn:1.0") == 1
    at = 6 + 1 + 2 + 8 + 8 + 2 + 7 + 4
    transfers = []
    while at < len(called):
        kind, flags, transfer, extensions, size = struct.unpack_from(">BBQIQ", called, at)
        assert (kind, flags, extensions) == (1, 3, 0)
        at += 22 + size
        transfers.append((transfer, len(decode(called[at - size : at]).payload)))
    assert transfers == [(number, 150_000) for number in range(4)]


@pytest.mark.parametrize(
    ("number", "address"),
    [
        (1, "10.0.0.1"),
        (101, "10.0.0.101"),
        (2**24 - 1, "10.255.255.255"),
        (2**32 - 2, "255.255.255.254"),
    ],
)
def test_addresses_come_from_node_numbers(tmp_path: Path, number: int, address: str) -> None:
    with Capture(tmp_path / "a.pcap", START, {"a": number, "b": 7}) as capture:
        capture.add(Frame("a", "b", 0, 1.5, 2.5, 2, b"\x9f\xff"))
    (packet,) = packets_of(tmp_path / "a.pcap")
    assert packet == Packet(START.timestamp() + 1.5, 17, address, "10.0.0.7", b"\x9f\xff")


@pytest.mark.parametrize("octets", [b"", b"\0\0", b"\xff\xff", b"\x01", bytes(range(255))])
def test_the_checksum_is_that_of_rfc_1071(octets: bytes) -> None:
    assert (words(octets) + _checksum(octets)) % 0xFFFF == 0


def test_a_file_that_cannot_be_written_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="--capture"):
        emulator.run(setup_of(tmp_path), capture=tmp_path / "nowhere" / "run.pcap", until=60.0)


def test_a_run_that_fails_leaves_no_capture(tmp_path: Path) -> None:
    capture = Capture(tmp_path / "a.pcap", START, {})
    with pytest.raises(RuntimeError), capture:
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_the_command_captures_a_plan_that_has_no_date(tmp_path: Path) -> None:
    ContactPlan([Contact("a", "b", 10.0, 60.0, 1e6, 2.0)]).save(tmp_path / "plan.json")
    (tmp_path / "list.csv").write_text("created_s,from,to,size_bytes,lifetime_s\n0,a,b,500,90\n")
    words = ["run", "--plan", tmp_path / "plan.json", "--traffic", tmp_path / "list.csv"]
    with pytest.raises(SystemExit) as ended:
        main([*map(str, words), "--json", "--capture", str(tmp_path / "run.pcap")])
    assert not ended.value.code
    (packet,) = packets_of(tmp_path / "run.pcap")
    assert len(decode(packet.payload).payload) == 500
    assert 10.0 < packet.time_s - datetime(2026, 1, 1, tzinfo=UTC).timestamp() < 10.01


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
@pytest.mark.parametrize("convergence", ["udpcl", "ltp", "tcpcl", "secured"])
def test_tshark_opens_it_and_finds_no_fault(tmp_path: Path, convergence: str) -> None:
    text = {"udpcl": GOOD, "ltp": LTP + GOOD, "tcpcl": GOOD + FILE}.get(convergence, GOOD)
    if convergence == "secured":
        (tmp_path / "mac.key").write_text("5e" * 48)
        text += '[security.keys]\nmac = "mac.key"\n[[security.rules]]\noperation = "integrity"\n'
        text += 'key = "mac"\nblocks = ["primary", "payload"]\n'
    result, path = captured(tmp_path, text)
    fields = ["frame.protocols", "bpv7.primary.src_uri", "_ws.expert.severity"]
    fields += ["_ws.expert.message", "_ws.malformed", "frame.time_epoch"]
    command = ["tshark", "-2", "-r", str(path), "-T", "json", "-o", "udp.check_checksum:TRUE"]
    command += ["-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE"]
    command += list(chain.from_iterable(("-e", field) for field in fields))
    shown = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout
    layers = [packet["_source"]["layers"] for packet in json.loads(shown)]

    def all_of(field: str) -> list[str]:
        return list(chain.from_iterable(layer.get(field, ()) for layer in layers))

    started = [event for event in result.log if isinstance(event, TransferStarted)]
    protocols = all_of("frame.protocols")
    wanted = {"ltp": ":ltp:", "tcpcl": ":tcpcl:"}.get(convergence, ":udp:bundle:bpv7:")
    assert sum(wanted in f"{text}:" for text in protocols) > 3
    assert all_of("_ws.malformed") == []
    faults = [
        text
        for severity, text in zip(
            all_of("_ws.expert.severity"), all_of("_ws.expert.message"), strict=True
        )
        if severity == "8388608" or "hecksum" in text
    ]
    assert [text for text in faults if "Unknown" not in text] == []
    if convergence != "ltp":  # where what was lost is there twice
        assert len(all_of("bpv7.primary.src_uri")) == len(started)
    sources = {"ipn:2.10", "ipn:2.11"} if convergence == "tcpcl" else {"ipn:2.10"}
    assert set(all_of("bpv7.primary.src_uri")) == sources
    assert float(all_of("frame.time_epoch")[0]) >= START.timestamp()
