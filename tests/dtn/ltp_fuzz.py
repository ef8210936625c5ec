"""Fuzzing of LTP with mutated segments: short in the tests, as long as one likes from `make fuzz`."""

import json
import random
from pathlib import Path

from ltp_pair import drained, engine, is_transmit

from dtn.errors import MalformedSegment
from dtn.ltp.outputs import Transmit
from dtn.ltp.segment import decode_segment

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "vectors_tcpcl_ltp.json").read_text())


def mutated(rng, octets):
    """The octets with one to three things wrong."""
    octets = bytearray(octets)
    for _ in range(rng.randint(1, 3)):
        place = rng.randrange(len(octets) + 1)
        match rng.randrange(5):
            case 0:
                octets[place:place] = rng.randbytes(rng.randint(1, 4))
            case 1:
                del octets[place : place + rng.randint(1, 4)]
            case 2:
                octets[place : place + 1] = bytes((rng.randrange(256),))
            case 3:
                octets[place:place] = b"\xff" * rng.randint(1, 12)
            case _:
                octets[place : place + 1] = bytes((rng.choice((0, 1, 127, 128, 255)),))
    return bytes(octets)


def corpus():
    """The vectors, and what two engines say to each other about a block."""
    segments = [bytes.fromhex(vector["hex"]) for vector in VECTORS["ltp"]]
    sender, receiver = engine(1, 2, segment_bytes=300), engine(2, 1, segment_bytes=300)
    sender.send(bytes(2000), 1, 0.0, red_bytes=1500)
    data = [output.octets for output in drained(sender) if is_transmit(output)]
    for octets in data[::2]:
        receiver.receive(octets, 0.0)
    reports = [output.octets for output in drained(receiver) if is_transmit(output)]
    return segments + data + reports


def fuzz_codec(count, seed):
    """Decode so many mutated segments; returns how many were refused. Any other error gets out."""
    rng = random.Random(seed)
    seeds = corpus()
    refused = 0
    for _ in range(count):
        try:
            decode_segment(mutated(rng, rng.choice(seeds)))
        except MalformedSegment:
            refused += 1
    return refused


def fuzz_engines(count, seed):
    """Give so many mutated segments to each of two engines, in the midst of a block; any error gets out.

    What the engines send must be segments, and what they keep is bounded by what came.
    """
    rng = random.Random(seed)
    seeds = corpus()
    for side in (engine(1, 2), engine(2, 1)):
        side.send(bytes(6000), 7, 0.0)
        drained(side)
        for number in range(count):
            now_s = float(number)
            outputs = side.receive(mutated(rng, rng.choice(seeds)), now_s)
            assert not any(isinstance(output, Transmit) for output in outputs)
            for output in side.on_timer(now_s) + side.dequeue(now_s):
                if isinstance(output, Transmit):
                    decode_segment(output.octets)
        assert side.countdowns <= 2 * count
        assert side.imports.sessions <= count
