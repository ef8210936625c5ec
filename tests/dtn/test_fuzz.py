"""Mutated bundles, segments and streams thrown at whole machines: an agent, an LTP engine, a TCPCL session.

The decoders alone are fuzzed in test_codec_fuzz.py. Here nothing may be raised at all, what comes out must be legal,
state stays bounded by what came in, and the machine serves the next honest peer. The long forms run with `make fuzz`:
with those of the decoders more than a million inputs.
"""

from __future__ import annotations

import math
import random
import tracemalloc
from contextlib import suppress
from itertools import islice

import pytest

from dtn.bpa import Agent
from dtn.bpa.outputs import Deliver, Store, Transmit
from dtn.bundle import CanonicalBlock
from dtn.codec import decode, encode
from dtn.errors import MalformedBundle
from dtn.ltp.outputs import RedPartReceived
from dtn.ltp.outputs import Transmit as SegmentOut
from dtn.ltp.segment import decode_segment, encode_segment
from tests.dtn.ltp_pair import drained, engine, of
from tests.dtn.mutations import flips, mutations
from tests.dtn.one_agent import an_agent, bundle, only, pieces_of, receive
from tests.dtn.tcpcl_ends import HELLO, INIT, End, established, messages
from tests.dtn.tcpcl_ends import VECTORS as LINK_VECTORS
from tests.dtn.test_codec_fuzz import BLOCKS, CORPUS
from tests.dtn.test_eid_fields import FIELDS, octets_with

NODES = {1: "a", 2: "b", 3: "c", 201: "a", 101: "b"}
UNSEALED = {"crc_type": 0, "payload_crc": 0}  # so that a mutation is not at once found by its CRC
FOR_AGENTS = [
    *CORPUS,
    *(
        encode(bundle(*BLOCKS, destination=destination, flags=flags, **UNSEALED))
        for destination in ("ipn:2.1", "ipn:2.7", "ipn:2.0", "ipn:3.1")
        for flags in (0, 2, 0x74040)
    ),
    encode(bundle(CanonicalBlock(193, 9, 0, 0, b"\x84\x01\x02\x00\x00"), **UNSEALED)),
    *(encode(piece) for piece in pieces_of(300, 200, **UNSEALED)),
    *(octets_with(field, "8202820101") for field in FIELDS),
]
STORE_BYTES = 20_000
ROUND = 500


@pytest.mark.row("A7", "A8", "H3")
@pytest.mark.parametrize("count", [3_000, pytest.param(250_000, marks=pytest.mark.slow)])
def test_mutated_bundles_leave_an_agent_as_it_was(count: int) -> None:
    rough = mutations(FOR_AGENTS, count // 2, seed=count)
    gentle = flips(FOR_AGENTS, count // 2, seed=count)
    taken = sum(
        _one_round([*islice(rough, ROUND // 2), *islice(gentle, ROUND // 2)], seed)
        for seed in range(count // ROUND)
    )
    assert taken > count / 50


def _one_round(inputs: list[bytes], seed: int) -> int:
    """One agent hears them all, and then an honest bundle; how many it stored."""
    agent = an_agent(status_reports=True, fragment=True, names=NODES, store_bytes=STORE_BYTES)
    agent.registered("1", True, 0.0)
    agent.registered("7", False, 0.0)
    rng = random.Random(seed)
    taken = 0
    for number, octets in enumerate(inputs):
        now_s = 10.0 + number
        out = agent.receive_octets(octets, "a", now_s, 2.0)
        with suppress(MalformedBundle):  # without the rules, which want a CRC, more comes through
            out += agent.receive(decode(octets, rules=False), "a", now_s, len(octets), 2.0)
        for output in out:  # which grows
            if isinstance(output, Store):
                taken += 1
                out += agent.stored(output.ref, now_s)
            elif isinstance(output, Transmit):
                assert decode(encode(output.bundle), rules=False) == output.bundle
                fails = rng.random() < 0.2
                out += agent.link_ready(output.neighbour, now_s)
                out += (
                    agent.transfer_failed(output.transfer, "noise", now_s)
                    if fails
                    else agent.transfer_finished(output.transfer, now_s)
                )
        agent.on_timer(now_s)
        assert agent.stored_bytes <= STORE_BYTES
    honest = receive(agent, bundle(destination="ipn:2.1", sequence=77_777), 500.0)
    assert [delivery.service for delivery in only(Deliver, honest)] == ["1"]
    for end_s in (1e7, 2e7):  # the second for reports about what expired
        agent.on_timer(end_s)
    assert all(_is_long_lived(agent, name) for name in agent.held())
    return taken


def _is_long_lived(agent: Agent, name: str) -> bool:
    record = agent.holdings.find(name)
    return record is None or record.expires_s > 1e7  # a mutation may have made it so


@pytest.mark.row("M1", "M2")
@pytest.mark.parametrize("count", [3_000, pytest.param(150_000, marks=pytest.mark.slow)])
def test_mutated_segments_leave_an_engine_that_still_delivers(count: int) -> None:
    corpus = [bytes.fromhex(vector["hex"]) for vector in LINK_VECTORS["ltp"]]
    block = bytes(range(256)) * 10
    made = mutations(corpus, count, seed=count)
    for _ in range(count // ROUND):
        side, peer = engine(2, 1), engine(1, 2)
        for now_s, octets in enumerate(islice(made, ROUND)):
            side.receive(octets, float(now_s))
            side.on_timer(float(now_s))
            for output in of(SegmentOut, drained(side, float(now_s))):
                assert encode_segment(decode_segment(output.octets)) == output.octets
            assert side.countdowns <= ROUND
        peer.send(block, 7, 999.0)
        heard = [
            output
            for segment in of(SegmentOut, drained(peer, 999.0))
            for output in side.receive(segment.octets, 999.0)
        ]
        assert [red.data for red in of(RedPartReceived, heard)] == [block]


@pytest.mark.row("L18", "L22")
@pytest.mark.parametrize("count", [2_000, pytest.param(150_000, marks=pytest.mark.slow)])
def test_mutated_streams_end_their_session_or_are_answered(count: int) -> None:
    said = [bytes.fromhex(vector["hex"]) for vector in LINK_VECTORS["tcpcl_messages"]]
    exchange = [bytes.fromhex(step["hex"]) for step in LINK_VECTORS["tcpcl_exchange"]["steps"]]
    corpus = [*said, b"".join(said[:6]), b"".join(exchange[4:]), *exchange]
    rng = random.Random(count)
    ends: set[str | None] = set()
    for number, octets in enumerate(mutations(corpus, count, seed=count)):
        if number % 4:
            end = established(active=bool(number % 2))
            end.said()
        else:
            end = End(active=bool(number % 2))
            end.connect()
            octets = HELLO + INIT + octets if number % 8 else octets
        if number % 3 == 0:
            end.send(1, b"a bundle that goes the other way")
        at = 0
        while at < len(octets) and end.over is None:
            size = rng.choice((1, 3, 64, 10_000))
            end.do(end.session.receive(octets[at : at + size], 1.0))
            at += size
        answered = end.unsent
        if not answered.startswith(b"dtn!"):
            messages(answered)  # whole messages, and nothing else
        assert len(answered) <= 2_000 + 40 * len(octets)
        end.wait(1e4)
        assert end.over is not None or end.session.next_timer() < math.inf or number % 4
        ends.add(end.over)
    assert len(ends) > 3


@pytest.mark.row("A8")
def test_memory_is_bounded_by_the_octets_that_are_there() -> None:
    """Each input claims up to 2^64 octets, items or levels; none may take a megabyte."""
    claims = [
        b"\x9f" * 100_000,
        b"\x81" * 100_000,
        b"\xd8\x18" * 50_000,
        *(
            head + b"\x7f" + b"\xff" * 7 + bytes(99)
            for head in (b"\x9f\x9b", b"\x9f\x5b", b"\x9f\x7b")
        ),
        *(encode(bundle())[:-1] + bytes((0x9B, *[0xFF] * 8)) for _ in range(1)),
        encode(bundle()).replace(b"\x45hello", b"\x5b" + b"\x7f" + b"\xff" * 7 + b"hello"),
    ]
    tracemalloc.start()
    for octets in claims:
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        with pytest.raises(MalformedBundle):
            decode(octets)
        _, peak = tracemalloc.get_traced_memory()
        assert peak - before < 1_000_000
    tracemalloc.stop()
