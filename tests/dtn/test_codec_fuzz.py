"""Mutated bundles and records by the hundred thousand: the documented error, or what they were again.

The short form runs with the other tests, the long one with the slow ones.
"""

import pytest
from bundles import SECURITY_VECTORS, VECTORS, a_bundle
from mutations import mutations

from dtn import administrative_record
from dtn.administrative_record import report_about
from dtn.bundle import Bundle, CanonicalBlock, FragmentField
from dtn.codec import decode, encode, encoded_size
from dtn.errors import MalformedBundle

BLOCKS = (
    CanonicalBlock(6, 2, 0, 0, b"\x82\x02\x82\x18\xc9\x00"),
    CanonicalBlock(10, 3, 0, 0, b"\x82\x18\x40\x01"),
)
CORPUS = [
    *(bytes.fromhex(vector["hex"]) for vector in VECTORS["bundles"]),
    *(bytes.fromhex(example["final_bundle"]) for example in SECURITY_VECTORS["examples"]),
    *(encode(a_bundle(b"octets", *BLOCKS, crc_type=crc, payload_crc=crc)) for crc in (0, 1, 2)),
    encode(a_bundle(b"octets", source="dtn://n/x", crc_type=0, fragment=FragmentField(3, 99))),
]
RECORDS = [
    administrative_record.encode(
        report_about(a_bundle(flags=0x40), 849_312_000_000, received=True)
    ),
    administrative_record.encode(
        report_about(a_bundle(fragment=FragmentField(1, 99)), 5, deleted=True)
    ),
]


def judge(octets: bytes, *, tolerant: bool) -> bool:
    """Decode; of what is accepted, check that it comes back. Whether it was accepted."""
    try:
        bundle = decode(octets, rules=False, tolerant=tolerant)
    except MalformedBundle:
        return False
    again = encode(bundle)
    assert tolerant or again == octets
    assert encoded_size(bundle) == len(again)
    assert decode(again, rules=False, tolerant=tolerant) == bundle
    fresh = Bundle(
        bundle.primary.with_fields(), tuple(block.with_fields() for block in bundle.blocks)
    )
    assert decode(encode(fresh), rules=False, tolerant=tolerant) == bundle
    assert encoded_size(fresh) == len(encode(fresh))
    return True


@pytest.mark.row("A7", "A8", "A9")
@pytest.mark.parametrize("count", [4_000, pytest.param(400_000, marks=pytest.mark.slow)])
def test_mutated_bundles_cost_themselves_and_nothing_else(count: int) -> None:
    accepted = 0
    for octets in mutations(CORPUS, count, seed=count):
        accepted += judge(octets, tolerant=False)
        judge(octets, tolerant=True)
    assert 0 < accepted < count / 4


@pytest.mark.row("J1")
@pytest.mark.parametrize("count", [2_000, pytest.param(200_000, marks=pytest.mark.slow)])
def test_mutated_records_cost_themselves_and_nothing_else(count: int) -> None:
    accepted = 0
    for octets in mutations(RECORDS, count, seed=count):
        try:
            record = administrative_record.decode(octets)
        except MalformedBundle:
            continue
        accepted += 1
        assert administrative_record.decode(administrative_record.encode(record)) == record
    assert 0 < accepted < count
