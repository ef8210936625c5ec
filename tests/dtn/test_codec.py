"""Bundles to octets and back: vectors, round trips, sizes, what is kept and what is encoded again."""

from typing import Any

import cbor2
import pytest
from bundles import (
    SECURITY_VECTORS,
    VECTORS,
    Raw,
    a_bundle,
    block_octets,
    bundle_octets,
    bundles,
    canonical_octets,
    primary_octets,
    seal,
)
from hypothesis import given
from hypothesis import strategies as st

from dtn.bundle import Bundle, CanonicalBlock
from dtn.codec import (
    block_size,
    decode,
    encode,
    encode_block,
    encode_primary,
    encoded_size,
    primary_size,
)
from dtn.eid import parse_eid
from dtn.errors import MalformedBundle

CORPUS = [bytes.fromhex(vector["hex"]) for vector in VECTORS["bundles"]] + [
    bytes.fromhex(example["final_bundle"]) for example in SECURITY_VECTORS["examples"]
]


def taken(octets: bytes, **how: Any) -> bool:
    try:
        decode(octets, **how)
    except MalformedBundle:
        return False
    return True


@pytest.mark.row("A9", "C6", "C7", "E2", "E4", "E6")
@pytest.mark.parametrize("vector", VECTORS["bundles"], ids=lambda vector: vector["id"])
def test_the_verdict_on_a_foreign_bundle_is_that_of_a_strict_checker(
    vector: dict[str, Any],
) -> None:
    octets = bytes.fromhex(vector["hex"])
    checker = vector["checker"]
    assert taken(octets) == (checker["verdict"] == "accept")
    lenient = checker["verdict"] == "accept" or checker["lenient_ok"]
    assert taken(octets, rules=False) == lenient
    assert taken(octets, tolerant=True) == lenient


@pytest.mark.row("D2", "D9", "E3")
@pytest.mark.parametrize(
    "vector",
    [v for v in VECTORS["bundles"] if v["kind"] == "bundle"],
    ids=lambda vector: vector["id"],
)
def test_a_foreign_bundle_has_the_fields_that_its_origin_gives(vector: dict[str, Any]) -> None:
    octets = bytes.fromhex(vector["hex"])
    bundle = decode(octets, rules=False)
    primary, said = bundle.primary, vector["decoded"]
    assert (primary.flags, primary.crc_type) == (said["flags"], said["crc_type"])
    assert primary.destination == parse_eid(said["dst"])
    assert primary.source == parse_eid(said["src"])
    assert primary.creation == tuple(said["creation"])
    assert primary.lifetime_ms == said["lifetime"]
    found = [[b.type, b.number, b.flags, b.crc_type, len(b.data)] for b in bundle.blocks]
    assert found == said["blocks"]
    assert encode(bundle) == octets
    assert encode(fresh(bundle)) == octets


@pytest.mark.parametrize("example", SECURITY_VECTORS["examples"], ids=lambda example: example["id"])
def test_the_security_examples_decode_without_rules_and_the_conforming_one_with_them(
    example: dict[str, Any],
) -> None:
    octets = bytes.fromhex(example["final_bundle"])
    assert encode(fresh(decode(octets, rules=False))) == octets
    assert taken(octets) == (example["rfc9171_strict"] == "conformant")


def fresh(bundle: Bundle) -> Bundle:
    """The same bundle without anything that is remembered of an encoding."""
    return Bundle(
        bundle.primary.with_fields(), tuple(block.with_fields() for block in bundle.blocks)
    )


@pytest.mark.row("A2")
@given(bundles())
def test_what_is_encoded_is_deterministic_cbor(bundle: Bundle) -> None:
    octets = encode(bundle)
    items = cbor2.loads(octets)
    assert (
        octets == b"\x9f" + b"".join(cbor2.dumps(item, canonical=True) for item in items) + b"\xff"
    )
    assert [len(item) for item in items[1:]] == [5 + (b.crc_type > 0) for b in bundle.blocks]


@pytest.mark.row("A1", "A9", "C2", "C4", "D5")
@given(bundles())
def test_decoding_what_was_encoded_gives_the_bundle_and_encoding_it_gives_the_octets(
    bundle: Bundle,
) -> None:
    octets = encode(bundle)
    again = decode(octets, rules=False)
    assert again == bundle
    assert encode(again) == octets
    assert encode(fresh(again)) == octets
    for kind in (bytearray, memoryview):
        assert decode(kind(octets), rules=False) == bundle


@pytest.mark.row("A3")
@given(bundles())
def test_blocks_in_their_usual_form_and_item_by_item_are_read_alike(bundle: Bundle) -> None:
    """A block whose array is of indefinite length is in no pattern: it is read item by item."""

    def opened(block: bytes, crc_type: int) -> bytes:
        body = block[1 : len(block) - (0, 3, 5)[crc_type]]
        return seal(body, crc_type=crc_type, indefinite=True)

    octets = bundle_octets(
        opened(encode_primary(bundle.primary), bundle.primary.crc_type),
        *(opened(encode_block(block), block.crc_type) for block in bundle.blocks),
    )
    assert decode(octets, rules=False) == bundle
    assert encode(decode(octets, rules=False)) == octets
    assert encode(fresh(decode(octets, rules=False))) == encode(bundle)


@given(bundles())
def test_the_reckoned_size_is_the_length_of_the_encoding(bundle: Bundle) -> None:
    assert encoded_size(bundle) == len(encode(bundle))
    assert primary_size(bundle.primary) == len(encode_primary(bundle.primary))
    for block in bundle.blocks:
        assert block_size(block) == len(encode_block(block))
    again = decode(encode(bundle), rules=False)
    assert encoded_size(again) == len(encode(bundle)) == encoded_size(fresh(again))


@pytest.mark.parametrize("length", [0, 23, 24, 255, 256, 65535, 65536])
def test_sizes_are_exact_where_heads_grow(length: int) -> None:
    bundle = a_bundle(bytes(length), time_ms=length, sequence=length, lifetime_ms=length)
    assert encoded_size(bundle) == len(encode(bundle))


@pytest.mark.row("A7")
@pytest.mark.parametrize(
    "octets", [encode(a_bundle(b"hello", CanonicalBlock(10, 2, 0, 2, b"\x82\x05\x01"))), *CORPUS]
)
def test_a_bundle_cut_off_anywhere_is_refused(octets: bytes) -> None:
    for length in range(len(octets)):
        assert not taken(octets[:length], rules=False)


@pytest.mark.row("C6")
@pytest.mark.parametrize("crc_type", [1, 2])
def test_any_bit_that_is_flipped_in_a_bundle_with_crcs_is_found(crc_type: int) -> None:
    others = CanonicalBlock(10, 2, 0, crc_type, b"\x82\x05\x01")
    octets = encode(a_bundle(b"hi", others, crc_type=crc_type, payload_crc=crc_type))
    assert taken(octets)
    for place in range(len(octets)):
        for bit in range(8):
            flipped = bytearray(octets)
            flipped[place] ^= 1 << bit
            assert not taken(bytes(flipped))


@pytest.mark.row("A7", "A8")
@given(
    st.one_of(
        st.binary(max_size=200),
        st.binary(max_size=200).map(lambda octets: b"\x9f\x89\x07" + octets),
    )
)
def test_any_octets_are_a_bundle_or_malformed_and_nothing_else(octets: bytes) -> None:
    for how in ({}, {"rules": False}, {"tolerant": True}):
        taken(octets, **how)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    octets = bytearray(draw(st.one_of(st.sampled_from(CORPUS), bundles(40).map(encode))))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(octets)))
        change = draw(st.sampled_from(("put", "insert", "delete", "repeat")))
        piece = draw(st.binary(min_size=1, max_size=9))
        if change == "put":
            octets[place : place + len(piece)] = piece
        elif change == "insert":
            octets[place:place] = piece
        elif change == "delete":
            del octets[place : place + len(piece)]
        else:
            octets[place:place] = octets[place : place + 20]
    return bytes(octets)


@pytest.mark.row("A8", "A9")
@given(mutated())
def test_a_mutated_bundle_is_malformed_or_encodes_as_it_came(octets: bytes) -> None:
    if taken(octets, rules=False):
        bundle = decode(octets, rules=False)
        assert encode(bundle) == octets
        assert decode(encode(fresh(bundle)), rules=False) == bundle
    taken(octets, tolerant=True)


@pytest.mark.row("A8")
def test_claimed_lengths_and_depths_cost_nothing() -> None:
    for hostile in (
        b"\x9f" * 1_000_000,
        b"\x9f\x9b" + b"\xff" * 8,
        b"\x9f\x88\x07\x00\x00" + b"\x82\x03" + b"\x81" * 1_000_000,
        b"\x9f\x88\x07\x00\x00\x82\x03\x5b" + b"\xff" * 8,
        b"\x9f" + primary_octets() + b"\x85\x01\x01\x00\x00\x5b" + b"\x7f" + b"\xff" * 7,
        b"\x9b" + b"\x7f" * 8 + primary_octets(),
    ):
        assert not taken(hostile)
        assert not taken(hostile, tolerant=True)


@pytest.mark.row("A9", "D4", "B9")
@pytest.mark.parametrize(
    "primary",
    [
        primary_octets(),
        primary_octets(indefinite=True),
        primary_octets(f3=Raw("9f029f186507ffff")),
        primary_octets(f4=[2, [0, 201, 1]]),
        primary_octets(f5=Raw("82017f632f2f6e622f78ff")),
        primary_octets(f6=Raw("9f1b000000c5bea4a80003ff")),
        primary_octets(f1=2**40 + 2**63),
    ],
)
def test_the_primary_block_is_sent_on_octet_for_octet(primary: bytes) -> None:
    came = decode(bundle_octets(primary, canonical_octets()))
    sent_on = came.with_block(10, b"\x82\x05\x01").with_block(7, b"\x00", crc_type=2)
    octets = encode(sent_on)
    assert octets.startswith(b"\x9f" + primary)
    assert decode(octets) == sent_on
    assert encoded_size(sent_on) == len(octets)


def test_of_a_forwarded_bundle_only_the_changed_blocks_are_encoded_again() -> None:
    hops = CanonicalBlock(10, 3, 0, 1, b"\x82\x05\x01")
    came = decode(encode(a_bundle(b"x" * 1000, hops, payload_crc=2)))
    sent_on = came.with_block(10, b"\x82\x05\x02")
    assert sent_on.primary is came.primary
    assert sent_on.blocks[1] is came.blocks[1]
    assert came.blocks[1].framing is not None
    assert sent_on.blocks[0].framing is None
    encode(sent_on)
    assert sent_on.blocks[0].framing is not None
    # A field that is changed leaves nothing of the old octets behind.
    longer = came.primary.with_fields(lifetime_ms=1)
    assert decode(encode(Bundle(longer, came.blocks))).primary.lifetime_ms == 1
    swapped = came.blocks[1].with_fields(data=b"y")
    assert decode(encode(Bundle(came.primary, (swapped,)))).payload == b"y"


def test_indefinite_arrays_inside_a_block_are_covered_by_the_crc_with_their_break() -> None:
    octets = bundle_octets(primary_octets(indefinite=True), canonical_octets(indefinite=True))
    assert encode(decode(octets)) == octets
    definite = canonical_octets()
    wrong = b"\x9f" + definite[1:] + b"\xff"  # a CRC over a definite head, without the break
    assert not taken(bundle_octets(primary_octets(), wrong))


@pytest.mark.row("A4")
def test_a_definite_outer_array_is_refused_or_when_tolerant_transformed() -> None:
    blocks = primary_octets() + canonical_octets()
    assert not taken(b"\x82" + blocks)
    bundle = decode(b"\x82" + blocks, tolerant=True)
    assert encode(bundle) == b"\x9f" + blocks + b"\xff"
    assert encoded_size(bundle) == len(blocks) + 2
    for wrong in (b"\x81", b"\x83", b"\x80"):
        assert not taken(wrong + blocks, tolerant=True)


@pytest.mark.parametrize(
    "octets",
    [
        bytes.fromhex("d9d9f7") + bundle_octets(),
        bundle_octets(primary_octets(f3=[1, "none"]), canonical_octets()),
        bundle_octets(primary_octets(f3=[1, "//n"]), canonical_octets()),
        bundle_octets(primary_octets(f7=Raw("1b0000000000000001")), canonical_octets()),
        bundle_octets(primary_octets(f0=Raw("1807")), canonical_octets()),
        bundle_octets(primary_octets(), canonical_octets(data=Raw("580568656c6c6f"))),
        bundle_octets(primary_octets(f2=0), canonical_octets()),
    ],
)
def test_a_tolerant_decoder_takes_what_is_documented_and_keeps_the_primary_block(
    octets: bytes,
) -> None:
    assert not taken(octets)
    bundle = decode(octets, tolerant=True)
    assert bundle.payload == b"hello"
    start = octets.index(b"\x9f") + 1
    assert encode_primary(bundle.primary) == octets[start : start + bundle.primary.size_bytes]
    assert encoded_size(bundle) == len(encode(bundle))


def test_an_error_says_the_layer_the_reason_and_the_place() -> None:
    octets = bundle_octets(primary_octets(f0=6), canonical_octets())
    with pytest.raises(MalformedBundle, match="version must be 7 at octet 3") as fault:
        decode(octets)
    assert (fault.value.layer, fault.value.offset) == ("codec", 3)


def test_extension_content_that_is_encrypted_is_not_judged() -> None:
    target_2 = bytes.fromhex("8102") + bytes.fromhex("0200820282020181") + b"\x80"
    blocks = [(10, 2, 0, 0, b"\xff ciphertext"), (12, 3, 0, 0, target_2)]
    encoded = [block_octets(block, 3) for block in blocks]
    assert taken(bundle_octets(primary_octets(), *encoded, canonical_octets()))
    assert not taken(bundle_octets(primary_octets(), encoded[0], canonical_octets()))
