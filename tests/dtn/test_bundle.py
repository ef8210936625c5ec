"""Bundles as values: what cannot exist, what they are known by, how one is made from another."""

from dataclasses import replace
from typing import Any

import pytest
from bundles import a_bundle, a_primary

from dtn.bundle import Bundle, CanonicalBlock, FragmentField, free_number
from dtn.errors import InvalidValue

PAYLOAD = CanonicalBlock(1, 1, 0, 0, b"x")


@pytest.mark.row("A1", "E2")
@pytest.mark.parametrize(
    "blocks",
    [
        (),
        (CanonicalBlock(7, 2, 0, 0, b"\x00"),),
        (PAYLOAD, CanonicalBlock(7, 2, 0, 0, b"\x00")),
        (CanonicalBlock(1, 2, 0, 0, b""), PAYLOAD),
        (PAYLOAD.with_fields(number=2),),
        (
            CanonicalBlock(7, 3, 0, 0, b"\x00"),
            CanonicalBlock(10, 3, 0, 0, b"\x82\x01\x00"),
            PAYLOAD,
        ),
        (CanonicalBlock(7, 1, 0, 0, b"\x00"), PAYLOAD),
    ],
)
def test_a_bundle_without_exactly_one_payload_last_cannot_exist(
    blocks: tuple[CanonicalBlock, ...],
) -> None:
    with pytest.raises(InvalidValue):
        Bundle(a_primary(), blocks)


@pytest.mark.parametrize(
    "changed",
    [
        {"flags": -1},
        {"flags": 2**64},
        {"lifetime_ms": -1},
        {"lifetime_ms": 2**64},
        {"crc_type": 3},
        {"creation": (-1, 0)},
        {"creation": (0, 2**64)},
        {"flags": 1},
        {"fragment": FragmentField(0, 1)},
        {"flags": 1, "fragment": FragmentField(5, 5)},
        {"flags": 1, "fragment": FragmentField(-1, 5)},
        {"flags": 1, "fragment": FragmentField(0, 2**64)},
    ],
)
def test_a_primary_block_that_cannot_be_encoded_cannot_exist(changed: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue):
        a_primary().with_fields(**changed)


@pytest.mark.parametrize(
    "fields",
    [(0, 2, 0, 0), (-1, 2, 0, 0), (7, 0, 0, 0), (7, 2**64, 0, 0), (7, 2, -1, 0), (7, 2, 0, 3)],
)
def test_a_block_that_cannot_be_encoded_cannot_exist(fields: tuple[int, int, int, int]) -> None:
    with pytest.raises(InvalidValue):
        CanonicalBlock(*fields, b"")


def test_a_bundle_is_known_by_source_and_timestamp_and_a_fragment_by_its_place_too() -> None:
    whole = a_bundle(b"12345")
    piece = a_bundle(b"12345", fragment=FragmentField(10, 100))
    assert str(whole.id) == "ipn:201.1/849312000000/3"
    assert str(piece.id) == "ipn:201.1/849312000000/3/10+5"
    assert len({whole.id, piece.id, a_bundle(b"67890").id}) == 2


@pytest.mark.row("B8")
def test_the_identity_does_not_depend_on_how_the_source_was_encoded() -> None:
    two = a_bundle(source="ipn:7.201.1")
    source = two.primary.source
    three = Bundle(two.primary.with_fields(source=replace(source, elements=2)), two.blocks)
    assert two.id == three.id
    assert hash(two.id) == hash(three.id)


def test_a_block_is_replaced_under_its_number_or_inserted_under_a_free_one() -> None:
    age = CanonicalBlock(7, 2, 1, 2, b"\x00")
    bundle = a_bundle(b"x", age)
    older = bundle.with_block(7, b"\x05", flags=16)
    assert older.blocks == (age.with_fields(data=b"\x05"), bundle.blocks[1])
    assert older.blocks[1] is bundle.blocks[1]
    counted = older.with_block(10, b"\x82\x05\x01", flags=16, crc_type=1)
    assert counted.blocks == (CanonicalBlock(10, 3, 16, 1, b"\x82\x05\x01"), *older.blocks)
    assert counted.without_block(10) == older
    assert bundle.without_block(10) is bundle
    assert bundle.block(10) is None


def test_the_lowest_number_that_is_free_is_found() -> None:
    assert free_number(()) == 2
    assert free_number([PAYLOAD, PAYLOAD.with_fields(number=2), PAYLOAD.with_fields(number=4)]) == 3
