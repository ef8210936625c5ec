"""Octets that are almost something: what a fuzzer feeds to a decoder, repeatable from a seed."""

import random
from collections.abc import Iterator, Sequence

# Octets at which CBOR takes a turn: heads of each kind, breaks, floats, tags, long lengths.
_TURNS = bytes.fromhex(
    "00 17 18 19 1a 1b 3b 40 58 5b 5f 60 7b 7f 80 81 82 83 85 86 9b 9f bf d8 f4 f6 f9 fb ff"
)


def mutations(corpus: Sequence[bytes], count: int, seed: int) -> Iterator[bytes]:
    """So many mutations of members of the corpus: flips, turns, cuts, splices, long numbers."""
    rng = random.Random(seed)
    for _ in range(count):
        octets = bytearray(rng.choice(corpus))
        for _ in range(rng.randint(1, 4)):
            _mutate(octets, corpus, rng)
        yield bytes(octets)


def flips(corpus: Sequence[bytes], count: int, seed: int) -> Iterator[bytes]:
    """So many members of the corpus with one to three octets changed by one bit or by one: more of them still parse."""
    rng = random.Random(seed)
    for _ in range(count):
        octets = bytearray(rng.choice(corpus))
        for _ in range(rng.randint(1, 3)):
            at = rng.randrange(len(octets))
            change = rng.choice((1, -1, 0))
            octets[at] = (
                (octets[at] + change) % 256 if change else octets[at] ^ 1 << rng.randrange(8)
            )
        yield bytes(octets)


def _mutate(octets: bytearray, corpus: Sequence[bytes], rng: random.Random) -> None:
    at = rng.randint(0, len(octets))
    match rng.randrange(6):
        case 0 if at < len(octets):
            octets[at] ^= 1 << rng.randrange(8)
        case 1 if at < len(octets):
            octets[at] = rng.choice(_TURNS)
        case 2:
            octets[at:at] = bytes(rng.choices(_TURNS, k=rng.randint(1, 6)))
        case 3:
            del octets[at : at + rng.randint(1, 8)]
        case 4:
            other = rng.choice(corpus)
            start = rng.randint(0, len(other))
            octets[at:at] = other[start : start + rng.randint(1, 40)]
        case _:
            octets[at : at + 9] = bytes((rng.choice(b"\x1b\x5b\x9b"),)) + rng.randbytes(8)
