"""Bundles a second through the codec, as one thread on this machine.

The bar is another Python codec, pyd3tn 0.15.2, with a payload of 1 KiB: it encodes 5.7 k bundles a second
with CRC-16 and 4.5 k with CRC-32C, decodes 76 k because it checks no CRC, and does both 5.4 k and 4.2 k
times. Ours checks everything. Every encoded bundle is a new one: nothing that blocks remember helps.
"""

from dataclasses import replace

import pytest

from dtn.bundle import Bundle, CanonicalBlock, CreationTimestamp, PrimaryBlock
from dtn.codec import decode, encode, encoded_size
from dtn.eid import parse_eid
from dtn.extension_blocks import encode_bundle_age, encode_hop_count, encode_previous_node

PEER_BOTH_PER_S = {1: 5_400, 2: 4_200}
PAYLOAD = bytes(range(256)) * 4
BATCH = 200
CRC_TYPES = pytest.mark.parametrize("crc_type", [0, 1, 2], ids=["no-crc", "crc-16", "crc-32c"])


def make(crc_type: int, sequence: int = 0) -> Bundle:
    primary = PrimaryBlock(
        destination=parse_eid("ipn:101.7"),
        source=parse_eid("ipn:201.1"),
        report_to=parse_eid("ipn:201.0"),
        flags=0,
        crc_type=crc_type,
        creation=CreationTimestamp(849_312_000_000, sequence),
        lifetime_ms=86_400_000,
    )
    return Bundle(primary, (CanonicalBlock(1, 1, 0, crc_type, PAYLOAD),))


def batch(crc_type: int) -> list[Bundle]:
    return [make(crc_type, sequence) for sequence in range(BATCH)]


def per_bundle(benchmark) -> float:
    per_s = BATCH / benchmark.stats.stats.min
    benchmark.extra_info["bundles_per_s"] = round(per_s)
    return per_s


@CRC_TYPES
def test_encode(benchmark, crc_type: int) -> None:
    def set_up():
        return (batch(crc_type),), {}

    benchmark.pedantic(lambda bundles: [encode(one) for one in bundles], setup=set_up, rounds=40)
    per_bundle(benchmark)


@CRC_TYPES
def test_decode(benchmark, crc_type: int) -> None:
    encoded = [encode(one) for one in batch(crc_type)]
    bundles = benchmark(lambda: [decode(octets, rules=False) for octets in encoded])
    assert bundles == batch(crc_type)
    per_bundle(benchmark)


@CRC_TYPES
def test_encode_and_decode(benchmark, crc_type: int) -> None:
    def set_up():
        return (batch(crc_type),), {}

    def both(bundles):
        return [decode(encode(one), rules=False) for one in bundles]

    assert benchmark.pedantic(both, setup=set_up, rounds=40) == batch(crc_type)
    per_s = per_bundle(benchmark)
    if crc_type in PEER_BOTH_PER_S:
        benchmark.extra_info["times_pyd3tn"] = round(per_s / PEER_BOTH_PER_S[crc_type], 1)


def test_forward(benchmark) -> None:
    """What a hop costs in octets: decode, change previous node, age and hop count, encode."""
    came = make(2)
    came = came.with_block(10, encode_hop_count(64, 1), flags=16, crc_type=2)
    came = came.with_block(7, encode_bundle_age(1500), flags=16, crc_type=2)
    octets = encode(came.with_block(6, encode_previous_node(parse_eid("ipn:201.0")), flags=16))
    here = encode_previous_node(parse_eid("ipn:202.0"))

    def hop() -> None:
        for _ in range(BATCH):
            bundle = decode(octets)
            bundle = bundle.with_block(6, here).with_block(7, encode_bundle_age(3000))
            encode(bundle.with_block(10, encode_hop_count(64, 2)))

    benchmark(hop)
    per_bundle(benchmark)


def test_size_of_a_new_bundle(benchmark) -> None:
    def set_up():
        return (batch(2),), {}

    benchmark.pedantic(
        lambda bundles: [encoded_size(one) for one in bundles], setup=set_up, rounds=40
    )
    per_bundle(benchmark)


def test_size_where_one_block_changed(benchmark) -> None:
    """What a hop in virtual time costs: a new hop count, and the size of the bundle."""
    bundle = make(2).with_block(10, encode_hop_count(64, 1))
    encoded_size(bundle)
    fresh = CanonicalBlock(10, 2, 0, 0, encode_hop_count(64, 2))

    def set_up():
        return (
            [Bundle(bundle.primary, (replace(fresh), bundle.blocks[-1])) for _ in range(BATCH)],
        ), {}

    benchmark.pedantic(
        lambda bundles: [encoded_size(one) for one in bundles], setup=set_up, rounds=40
    )
    per_bundle(benchmark)
