"""Fragmentation and reassembly (RFC 9171 sections 5.8, 5.9): rows I, and C8."""

from itertools import permutations

import pytest
from bundles import a_bundle
from hypothesis import given
from hypothesis import strategies as st

from dtn.bundle import BlockFlag, Bundle, BundleFlag, CanonicalBlock, FragmentField
from dtn.codec import decode, encode, encoded_size
from dtn.eid import IpnEid
from dtn.errors import InvalidValue
from dtn.fragmentation import Reassembly, fragment, fragment_key, may_fragment, reassemble

PAYLOAD = bytes(range(256)) * 4
HOPS = CanonicalBlock(10, 2, 0, 1, b"\x82\x18\x40\x01")
REPLICATED = CanonicalBlock(192, 3, BlockFlag.REPLICATE, 0, b"in every one")
FIRST_ONLY = CanonicalBlock(194, 4, 0, 2, b"in the first")
BUNDLE = a_bundle(PAYLOAD, HOPS, REPLICATED, FIRST_ONLY, crc_type=2)


def piece(start: int, end: int, payload: bytes = PAYLOAD, **changed: int) -> Bundle:
    return a_bundle(payload[start:end], fragment=FragmentField(start, len(payload)), **changed)


@pytest.mark.row("I2", "I3")
@pytest.mark.parametrize(
    "max_bytes", [130, 131, 150, 200, 277, 278, 500, 1000, encoded_size(BUNDLE) - 1]
)
def test_the_pieces_fit_and_their_payloads_make_up_the_whole(max_bytes: int) -> None:
    pieces = fragment(BUNDLE, max_bytes)
    assert len(pieces) > 1
    assert all(len(encode(one)) <= max_bytes for one in pieces)
    assert b"".join(one.payload for one in pieces) == PAYLOAD
    at = 0
    for one in pieces:
        assert one.payload
        assert one.primary.fragment == (at, len(PAYLOAD))
        assert one.primary.flags & BundleFlag.FRAGMENT
        assert (one.primary.source, one.primary.creation) == (
            BUNDLE.primary.source,
            BUNDLE.primary.creation,
        )
        at += len(one.payload)


@pytest.mark.parametrize("max_bytes", range(150, 700, 7))
def test_no_piece_but_the_last_has_room_for_one_more_octet(max_bytes: int) -> None:
    for one in fragment(BUNDLE, max_bytes)[:-1]:
        last = one.blocks[-1]
        longer = Bundle(one.primary, (*one.blocks[:-1], last.with_fields(data=last.data + b"+")))
        assert encoded_size(longer) > max_bytes


@pytest.mark.row("C8", "D4")
def test_each_piece_is_a_bundle_of_its_own_with_its_own_crc() -> None:
    came = decode(encode(BUNDLE))
    for one in fragment(came, 300):
        again = decode(encode(one))
        assert again == one
        assert again.primary.crc_type == 2
    assert encode(came) == encode(BUNDLE)


@pytest.mark.row("I4")
def test_the_first_piece_has_all_blocks_and_the_others_those_that_must_be_replicated() -> None:
    first, *others = fragment(BUNDLE, 300)
    assert first.blocks[:-1] == (HOPS, REPLICATED, FIRST_ONLY)
    assert others
    assert all(one.blocks[:-1] == (HOPS, REPLICATED) for one in others)


@pytest.mark.row("F2", "I4")
def test_every_piece_of_a_bundle_without_a_clock_has_its_age() -> None:
    timeless = a_bundle(PAYLOAD, CanonicalBlock(7, 2, 0, 0, b"\x05"), time_ms=0)
    for one in fragment(timeless, 300):
        decode(encode(one))


@pytest.mark.row("I1")
@pytest.mark.parametrize(
    "bundle",
    [
        a_bundle(PAYLOAD, flags=BundleFlag.MUST_NOT_FRAGMENT),
        a_bundle(PAYLOAD, source="dtn:none", flags=BundleFlag.MUST_NOT_FRAGMENT),
        a_bundle(PAYLOAD, source="ipn:0.5"),
    ],
)
def test_a_bundle_that_must_not_be_fragmented_stays_whole(bundle: Bundle) -> None:
    assert not may_fragment(bundle)
    assert fragment(bundle, encoded_size(bundle)) == (bundle,)
    with pytest.raises(InvalidValue):
        fragment(bundle, encoded_size(bundle) - 1)


def test_a_limit_that_leaves_no_room_for_payload_is_refused() -> None:
    for max_bytes in (-1, 0, 1, 50, 100):
        with pytest.raises(InvalidValue):
            fragment(BUNDLE, max_bytes)


def test_a_bundle_that_fits_is_its_own_only_piece() -> None:
    assert fragment(BUNDLE, encoded_size(BUNDLE)) == (BUNDLE,)
    assert may_fragment(BUNDLE)


@pytest.mark.row("I2", "I3", "I7")
@given(
    st.binary(min_size=2, max_size=2000),
    st.integers(90, 2500),
    st.lists(st.integers(90, 400), max_size=3),
    st.randoms(use_true_random=False),
)
def test_fragments_of_fragments_in_any_order_with_copies_make_up_the_whole(
    payload: bytes, max_bytes: int, again: list[int], random: object
) -> None:
    bundle = a_bundle(payload, HOPS)
    pieces = list(fragment(bundle, max_bytes))
    if pieces == [bundle]:
        return
    copies = list(pieces)
    for smaller in again:
        pieces = [part for one in pieces for part in fragment(one, smaller)]
        copies += pieces
    random.shuffle(copies)  # type: ignore[attr-defined]
    assert reassemble(copies) == bundle
    assert reassemble(decode(encode(one)) for one in pieces) == bundle
    assert encode(reassemble(copies) or pieces[0]) == encode(bundle)


@pytest.mark.row("I3")
def test_a_fragment_of_a_fragment_counts_from_the_start_of_the_original() -> None:
    second = fragment(BUNDLE, 600)[1]
    assert second.primary.fragment is not None
    offset = second.primary.fragment.offset_bytes
    parts = fragment(second, 300)
    assert parts[0].primary.fragment == (offset, len(PAYLOAD))
    assert parts[1].primary.fragment == (offset + len(parts[0].payload), len(PAYLOAD))
    assert b"".join(part.payload for part in parts) == second.payload


@pytest.mark.row("I5")
@given(
    st.lists(st.tuples(st.integers(0, 59), st.integers(1, 30)), max_size=25),
    st.randoms(use_true_random=False),
)
def test_overlaps_and_duplicates_are_harmless(cuts: list[tuple[int, int]], random: object) -> None:
    payload = bytes(range(60))
    extents = {(start, min(start + length, 60)) for start, length in cuts} | {(0, 7)}
    covered = {at for start, end in extents for at in range(start, end)}
    pieces = [piece(start, end, payload) for start, end in sorted(extents)]
    random.shuffle(pieces)  # type: ignore[attr-defined]
    whole = reassemble(pieces)
    if len(covered) == 60:
        assert whole == a_bundle(payload)
    else:
        assert whole is None


@pytest.mark.row("I5")
def test_where_fragments_differ_the_earlier_one_wins() -> None:
    total = FragmentField(0, 10)
    a = a_bundle(b"aaaaaa", fragment=total)
    b = a_bundle(b"bbbbbbbb", fragment=FragmentField(2, 10))
    for first, second, expected in ((a, b, b"aaaaaabbbb"), (b, a, b"aabbbbbbbb")):
        whole = reassemble([first, second])
        assert whole is not None
        assert whole.payload == expected


@pytest.mark.row("I6", "B8")
def test_fragments_of_other_sources_or_sequences_never_mix() -> None:
    assert reassemble([piece(0, 500), piece(500, 1024, sequence=4)]) is None
    assert reassemble([piece(0, 500), piece(500, 1024, time_ms=7)]) is None
    other = a_bundle(PAYLOAD[500:], fragment=FragmentField(500, 1024), source="ipn:202.1")
    assert reassemble([piece(0, 500), other]) is None
    assert reassemble([piece(0, 500), other, piece(500, 1024)]) == a_bundle(PAYLOAD)
    two_elements = piece(0, 500).primary.with_fields(source=IpnEid(0, 201, 1, 2))
    three_elements = piece(500, 1024).primary.with_fields(source=IpnEid(0, 201, 1, 3))
    halves = [
        Bundle(two_elements, piece(0, 500).blocks),
        Bundle(three_elements, piece(500, 1024).blocks),
    ]
    assert reassemble(halves) == a_bundle(PAYLOAD)


@pytest.mark.row("I6")
def test_a_piece_of_another_unit_or_a_whole_bundle_is_not_added() -> None:
    unit = Reassembly(fragment_key(piece(0, 500)))
    for other in (piece(0, 500, sequence=4), piece(0, 500, PAYLOAD + b"x"), a_bundle(PAYLOAD)):
        with pytest.raises(InvalidValue):
            unit.add(other)
    with pytest.raises(InvalidValue):
        reassemble([a_bundle(PAYLOAD)])


@pytest.mark.row("I7")
def test_the_blocks_of_the_fragment_with_offset_0_survive() -> None:
    pieces = fragment(BUNDLE, 300)
    for order in (pieces, pieces[::-1]):
        assert reassemble(order) == BUNDLE
    assert reassemble(pieces[1:]) is None
    assert reassemble([]) is None


@pytest.mark.row("I9", "A8")
def test_an_enormous_total_claims_no_memory() -> None:
    unit = (0, 2**62)
    pieces = [
        a_bundle(b"x" * 10, fragment=FragmentField(at, unit[1])) for at in (0, 2**61, 2**62 - 10)
    ]
    assert reassemble(pieces) is None
    held = Reassembly(fragment_key(pieces[0]))
    assert [held.add(one) for one in (*pieces, pieces[0])] == [True, True, True, False]
    assert (held.covered_bytes, held.total_bytes) == (30, 2**62)


def test_a_unit_says_whether_a_piece_brought_anything_new() -> None:
    for order in permutations([piece(0, 400), piece(300, 700), piece(600, 1024), piece(350, 650)]):
        unit = Reassembly(fragment_key(order[0]))
        for one in order:
            unit.add(one)
        assert unit.whole() == a_bundle(PAYLOAD)
        assert unit.covered_bytes == 1024
        assert not unit.add(piece(0, 1024))
