"""What the decoder must refuse and take, row by row: one bundle for each, put together by hand."""

import cbor2
import pytest
from bundles import Raw, block_octets, bundle_octets, canonical_octets, primary_octets, seal

from dtn.bundle import CanonicalBlock
from dtn.codec import decode, encode
from dtn.errors import MalformedBundle

PRIMARY = primary_octets()
PAYLOAD = canonical_octets()


def refused(octets: bytes) -> str:
    """The layer in which the octets are refused."""
    with pytest.raises(MalformedBundle) as fault:
        decode(octets)
    return fault.value.layer


def with_primary(**changed: object) -> bytes:
    return bundle_octets(primary_octets(**changed), PAYLOAD)  # type: ignore[arg-type]


def with_block(*fields: object) -> bytes:
    return bundle_octets(PRIMARY, block_octets(fields, 3), PAYLOAD)


def test_the_bundle_from_which_the_others_are_made_is_accepted() -> None:
    octets = bundle_octets()
    bundle = decode(octets)
    assert encode(bundle) == octets
    assert str(bundle.id) == "ipn:201.1/849312000000/3"
    assert (str(bundle.primary.destination), bundle.payload) == ("ipn:101.7", b"hello")


@pytest.mark.row("A1", "A5", "E2")
@pytest.mark.parametrize(
    ("blocks", "layer"),
    [
        ((), "cbor"),
        ((PRIMARY,), "codec"),
        ((PAYLOAD,), "codec"),
        ((PAYLOAD, PRIMARY), "codec"),
        ((PRIMARY, PRIMARY, PAYLOAD), "codec"),
        ((PRIMARY, PAYLOAD, PAYLOAD), "codec"),
        ((PRIMARY, canonical_octets(number=2)), "codec"),
        ((PRIMARY, canonical_octets(number=2), PAYLOAD), "codec"),
        ((PRIMARY, PAYLOAD, canonical_octets(192, 2)), "codec"),
        ((PRIMARY, canonical_octets(192, 1), PAYLOAD), "codec"),
        ((PRIMARY, canonical_octets(192, 2), canonical_octets(193, 2), PAYLOAD), "codec"),
        ((PRIMARY, canonical_octets(192, 0), PAYLOAD), "codec"),
        ((PRIMARY, canonical_octets(0, 2), PAYLOAD), "codec"),
        ((PRIMARY, b"\x05", PAYLOAD), "codec"),
        ((PRIMARY, b"\x80", PAYLOAD), "codec"),
    ],
)
def test_a_bundle_is_a_primary_block_and_others_with_one_payload_last(
    blocks: tuple[bytes, ...], layer: str
) -> None:
    octets = b"\x9f" + b"".join(blocks) + b"\xff"
    assert refused(octets) == layer


@pytest.mark.row("A2")
@pytest.mark.parametrize(
    "octets",
    [
        with_primary(f0=Raw("1807")),
        with_primary(f1=Raw("1800")),
        with_primary(f2=Raw("1801")),
        with_primary(f7=Raw("1900ff")),
        with_primary(f7=Raw("1a0000ffff")),
        with_primary(f7=Raw("1b00000000ffffffff")),
        with_primary(f3=Raw("980202820101")),
        with_primary(f3=Raw("8218028201 01".replace(" ", ""))),
        with_primary(f5=Raw("820178062f2f6e2f6162")),
        with_block(Raw("180a"), 2, 0, 0, b"\x82\x05\x01"),
        with_block(192, Raw("190002"), 0, 0, b""),
        with_block(192, 2, 0, 0, Raw("5800")),
        bundle_octets(PRIMARY, b"\x98\x06" + PAYLOAD[1:]),
        b"\x82" + PRIMARY + PAYLOAD,
    ],
)
def test_what_is_not_in_its_shortest_form_is_refused_by_the_encoding_layer(octets: bytes) -> None:
    assert refused(octets) == "encoding"


@pytest.mark.row("A2")
@pytest.mark.parametrize(
    "octets",
    [
        bytes.fromhex("d9d9f7") + bundle_octets(),
        with_primary(f7=Raw("c105")),
        with_primary(f3=Raw("d818820282186507")),
        with_block(192, 2, 0, 0, Raw("d81841ff")),
        with_primary(f6=Raw("c1820000")),
    ],
)
def test_tags_are_refused(octets: bytes) -> None:
    assert refused(octets) == "encoding"


@pytest.mark.row("A3")
@pytest.mark.parametrize(
    "octets",
    [
        bundle_octets(primary_octets(indefinite=True), PAYLOAD),
        with_primary(f3=Raw("9f02820701ff")),
        with_primary(f3=Raw("82029f0701ff")),
        with_primary(f3=Raw("82017f622f2f616e622f78ff")),
        with_primary(f6=Raw("9f1903e800ff")),
        bundle_octets(PRIMARY, canonical_octets(indefinite=True)),
        with_block(10, 2, 0, 0, bytes.fromhex("9f0501ff")),
    ],
)
def test_arrays_and_text_of_indefinite_length_inside_blocks_are_taken(octets: bytes) -> None:
    assert encode(decode(octets)) == octets


@pytest.mark.row("A3", "E1")
@pytest.mark.parametrize("block_type", [1, 192])
def test_data_of_indefinite_length_is_refused(block_type: int) -> None:
    block = canonical_octets(block_type, 1 if block_type == 1 else 2, 0, 0, Raw("5f4161ff"))
    octets = (
        bundle_octets(PRIMARY, block) if block_type == 1 else bundle_octets(PRIMARY, block, PAYLOAD)
    )
    assert refused(octets) == "encoding"


@pytest.mark.row("A6")
@pytest.mark.parametrize("behind", [b"\x00", b"\xff", bundle_octets()])
def test_octets_behind_the_bundle_are_refused(behind: bytes) -> None:
    assert refused(bundle_octets() + behind) == "cbor"


@pytest.mark.parametrize("head", ["1c", "1d", "1e", "1f", "3f", "df", "dc", "fc", "ff"])
def test_what_is_not_well_formed_is_refused_by_the_cbor_layer(head: str) -> None:
    assert refused(b"\x9f\x89\x07" + bytes.fromhex(head) + bytes(40)) == "cbor"


@pytest.mark.row("C1")
@pytest.mark.parametrize("crc_type", [3, 23, 255, 2**64 - 1])
def test_an_unknown_crc_type_is_refused(crc_type: int) -> None:
    assert refused(with_primary(f2=crc_type)) == "codec"
    assert refused(with_block(192, 2, 0, crc_type, b"")) == "codec"


@pytest.mark.row("C2")
@pytest.mark.parametrize("block", [PRIMARY, PAYLOAD])
def test_a_crc_field_stands_exactly_when_the_type_is_not_0(block: bytes) -> None:
    without = bytes((block[0] - 1,)) + block[1:-3]
    other = PAYLOAD if block is PRIMARY else b""
    before = b"" if block is PRIMARY else PRIMARY
    assert refused(b"\x9f" + before + without + other + b"\xff") == "codec"
    crc_at = 3 if block is PRIMARY else 4
    untyped = bytearray(block)
    untyped[crc_at] = 0
    assert refused(b"\x9f" + before + bytes(untyped) + other + b"\xff") == "codec"


@pytest.mark.row("C3")
@pytest.mark.parametrize("head", ["43", "41", "40", "5802", "62", "19", "5f", "44"])
def test_a_crc_is_a_byte_string_of_exactly_its_length(head: str) -> None:
    wrong = PAYLOAD[:-3] + bytes.fromhex(head) + PAYLOAD[-2:] + b"\x00\x00"
    assert refused(bundle_octets(PRIMARY, wrong)) in ("codec", "cbor")


@pytest.mark.row("C3", "C4")
def test_a_crc_in_the_other_octet_order_does_not_match() -> None:
    wrong = PAYLOAD[:-2] + PAYLOAD[:-3:-1]
    assert wrong != PAYLOAD
    assert refused(bundle_octets(PRIMARY, wrong)) == "codec"


@pytest.mark.row("C7")
def test_a_primary_block_without_crc_needs_an_integrity_block_that_aims_at_it() -> None:
    def integrity(*targets: int) -> bytes:
        count = len(targets)
        asb = bytes((0x80 + count, *targets)) + bytes.fromhex("01008202820201")
        asb += bytes((0x80 + count, *(0x80 for _ in targets)))
        return block_octets((11, 9, 0, 0, asb), 3)

    bare = primary_octets(f2=0)
    assert refused(bundle_octets(bare, PAYLOAD)) == "rules"
    assert refused(bundle_octets(bare, integrity(1), PAYLOAD)) == "rules"
    decode(bundle_octets(bare, integrity(1, 0), PAYLOAD))
    decode(bundle_octets(bare, PAYLOAD), rules=False)


@pytest.mark.row("D1")
@pytest.mark.parametrize("version", [0, 6, 8, 2**32 + 7])
def test_versions_other_than_7_are_refused(version: int) -> None:
    assert refused(with_primary(f0=version)) == "codec"


@pytest.mark.row("D2")
@pytest.mark.parametrize("place", [0, 1, 2, 7])
@pytest.mark.parametrize("value", [-1, "1", b"\x01", 1.5, None, True, [1], {}, 2**64])
def test_a_number_of_the_primary_block_is_an_unsigned_integer(place: int, value: object) -> None:
    assert refused(with_primary(**{f"f{place}": value})) in ("codec", "encoding")


@pytest.mark.row("D2", "G1")
@pytest.mark.parametrize(
    "stamp", [[0], [1, 2, 3], [-1, 0], [0, -1], 5, "x", [1.0, 0], [None, 0], {1: 2}]
)
def test_a_timestamp_is_an_array_of_two_unsigned_integers(stamp: object) -> None:
    assert refused(with_primary(f6=stamp)) in ("codec", "encoding", "cbor")


@pytest.mark.row("D2")
@pytest.mark.parametrize("place", [3, 4, 5])
@pytest.mark.parametrize(
    "value", [0, "dtn:none", None, [1, 5], [2, [1]], [2, [1, 2, 3, 4]], [1, "n"], [], {}]
)
def test_every_endpoint_field_of_the_primary_block_is_an_endpoint(
    place: int, value: object
) -> None:
    assert refused(with_primary(**{f"f{place}": value})) in ("codec", "cbor")


@pytest.mark.parametrize("place", [3, 4, 5])
@pytest.mark.parametrize(
    "value",
    [
        [1, 0],
        [1, "//n/x"],
        [1, "//n/~g"],
        [2, [0, 0]],
        [2, [0, 5]],
        [2, [2**32 - 1, 1]],
        [2, [1, 1, 1]],
        [3, 7],
        [3, [1, 2]],
        [3, "imc"],
        [2**64 - 1, b"x"],
    ],
)
def test_every_kind_of_endpoint_in_every_field_costs_at_most_the_bundle(
    place: int, value: list[object]
) -> None:
    octets = with_primary(**{f"f{place}": value})
    assert encode(decode(octets, rules=False)) == octets
    previous = block_octets((6, 2, 0, 0, seal(*map(cbor2.dumps, value))), 3)
    octets = bundle_octets(PRIMARY, previous, PAYLOAD)
    assert encode(decode(octets)) == octets


@pytest.mark.row("D3")
def test_offset_and_total_stand_exactly_when_the_fragment_flag_does() -> None:
    base = (7, 1, 1, [2, [101, 7]], [2, [201, 1]], [2, [201, 0]], [849312000000, 3], 86400000)
    fragment = decode(bundle_octets(block_octets((*base, 10, 100), 2), PAYLOAD)).primary.fragment
    assert fragment == (10, 100)
    assert refused(bundle_octets(block_octets(base, 2), PAYLOAD)) == "codec"
    assert refused(bundle_octets(block_octets((*base, 10), 2), PAYLOAD)) == "codec"
    unflagged = (7, 0, *base[2:], 10, 100)
    assert refused(bundle_octets(block_octets(unflagged, 2), PAYLOAD)) == "codec"
    assert refused(bundle_octets(block_octets(unflagged, 2, indefinite=True), PAYLOAD)) == "codec"


@pytest.mark.row("I8")
@pytest.mark.parametrize(
    ("offset", "total"), [(96, 100), (100, 100), (101, 100), (2**64 - 5, 2**64 - 1), (0, 0)]
)
def test_a_fragment_that_reaches_past_its_whole_is_refused(offset: int, total: int) -> None:
    base = (7, 1, 1, [2, [101, 7]], [2, [201, 1]], [2, [201, 0]], [849312000000, 3], 86400000)
    assert refused(bundle_octets(block_octets((*base, offset, total), 2), PAYLOAD)) == "codec"


@pytest.mark.row("D5", "E4")
def test_unknown_flags_are_preserved() -> None:
    octets = bundle_octets(primary_octets(f1=1 << 21 | 1 << 63), canonical_octets(flags=0xF9))
    bundle = decode(octets)
    assert (bundle.primary.flags, bundle.blocks[0].flags) == (1 << 21 | 1 << 63, 0xF9)
    assert encode(bundle) == octets


@pytest.mark.row("D6", "D8", "H13")
@pytest.mark.parametrize("flag", [0x4000, 0x10000, 0x20000, 0x40000])
def test_an_administrative_record_or_null_source_that_asks_for_reports_breaks_a_rule(
    flag: int,
) -> None:
    assert refused(with_primary(f1=2 | flag)) == "rules"
    assert refused(with_primary(f1=4 | flag, f4=[1, 0])) == "rules"
    decode(with_primary(f1=flag))
    decode(with_primary(f1=2 | flag), rules=False)


@pytest.mark.row("D7")
@pytest.mark.parametrize("null", [[1, 0], [2, [0, 0]], [2, [0, 7]]])
def test_a_null_source_must_not_be_fragmented(null: list[object]) -> None:
    assert refused(with_primary(f4=null)) == "rules"
    decode(with_primary(f4=null, f1=4))


@pytest.mark.row("D8")
def test_no_block_of_an_administrative_record_or_null_source_asks_for_a_report() -> None:
    asking = canonical_octets(192, 2, flags=2)
    for primary in (primary_octets(f1=2), primary_octets(f1=4, f4=[1, 0])):
        assert refused(bundle_octets(primary, asking, PAYLOAD)) == "rules"
    decode(bundle_octets(PRIMARY, asking, PAYLOAD))


@pytest.mark.row("B4", "D10")
def test_a_group_is_no_source() -> None:
    assert refused(with_primary(f4=[1, "//n/~g"])) == "rules"
    decode(with_primary(f3=[1, "//n/~g"]))


@pytest.mark.row("E1")
@pytest.mark.parametrize("data", ["text", 5, [1], None, Raw("5f40ff")])
def test_block_data_is_one_byte_string(data: object) -> None:
    assert refused(with_block(192, 2, 0, 0, data)) in ("codec", "encoding")


@pytest.mark.row("D2", "E1")
@pytest.mark.parametrize("place", [0, 1, 2, 3])
@pytest.mark.parametrize("value", [-1, "1", None, 1.5, [], b"\x01"])
def test_a_number_of_a_block_is_an_unsigned_integer(place: int, value: object) -> None:
    fields: list[object] = [192, 2, 0, 0, b"x"]
    fields[place] = value
    assert refused(with_block(*fields)) in ("codec", "encoding")


@pytest.mark.row("E1", "F2", "F5")
@pytest.mark.parametrize(
    ("block_type", "content"),
    [
        (6, ""),
        (6, "01"),
        (6, "8202"),
        (6, "82028201"),
        (6, "820100820100"),
        (6, "8201646e2f78"),
        (7, ""),
        (7, "20"),
        (7, "0000"),
        (7, "1800"),
        (7, "f90000"),
        (7, "6130"),
        (10, ""),
        (10, "820001"),
        (10, "82190100 01"),
        (10, "8105"),
        (10, "83050101"),
        (10, "82050120"),
        (10, "820520"),
        (10, "8205"),
        (10, "05"),
    ],
)
def test_malformed_content_of_a_known_block_is_refused_by_the_extension_layer(
    block_type: int, content: str
) -> None:
    assert refused(with_block(block_type, 2, 0, 0, bytes.fromhex(content))) == "extension"


@pytest.mark.row("F1", "F2", "F5")
@pytest.mark.parametrize(
    ("block_type", "content"), [(6, "820282186400"), (7, "05"), (10, "820501")]
)
def test_no_known_block_stands_twice(block_type: int, content: str) -> None:
    one = canonical_octets(block_type, 2, data=bytes.fromhex(content))
    two = canonical_octets(block_type, 3, data=bytes.fromhex(content))
    decode(bundle_octets(PRIMARY, one, PAYLOAD))
    assert refused(bundle_octets(PRIMARY, one, two, PAYLOAD)) == "extension"


@pytest.mark.row("F2", "G4")
def test_a_bundle_without_a_clock_carries_its_age() -> None:
    timeless = primary_octets(f6=[0, 3])
    assert refused(bundle_octets(timeless, PAYLOAD)) == "rules"
    decode(bundle_octets(timeless, canonical_octets(7, 2, data=b"\x00"), PAYLOAD))
    decode(bundle_octets(timeless, PAYLOAD), rules=False)


@pytest.mark.row("F5", "F6")
@pytest.mark.parametrize("content", ["820100", "8218ff00", "820519ffff"])
def test_any_hop_limit_from_1_to_255_and_any_count_is_well_formed(content: str) -> None:
    decode(with_block(10, 2, 0, 0, bytes.fromhex(content)))


@pytest.mark.row("E3")
def test_block_numbers_need_no_order_and_go_up_to_64_bits() -> None:
    blocks = [
        canonical_octets(192 + place, number) for place, number in enumerate((2**64 - 1, 7, 2))
    ]
    bundle = decode(bundle_octets(PRIMARY, *blocks, PAYLOAD))
    assert [block.number for block in bundle.blocks] == [2**64 - 1, 7, 2, 1]


@pytest.mark.row("E5", "E6")
@pytest.mark.parametrize("block_type", [2, 3, 4, 5, 8, 9, 193, 2**64 - 1])
def test_a_block_of_unknown_type_is_kept_and_not_parsed(block_type: int) -> None:
    octets = with_block(block_type, 2, 0, 0, b"\xff\x00 anything")
    bundle = decode(octets)
    assert bundle.blocks[0] == CanonicalBlock(block_type, 2, 0, 0, b"\xff\x00 anything")
    assert encode(bundle) == octets


@pytest.mark.row("G1")
@pytest.mark.parametrize("time_ms", [1, 2**32, 849312000000, 2**64 - 1])
def test_creation_times_go_up_to_64_bits(time_ms: int) -> None:
    assert decode(with_primary(f6=[time_ms, 2**64 - 1])).primary.creation == (time_ms, 2**64 - 1)


@pytest.mark.row("D2")
def test_lifetimes_go_up_to_64_bits() -> None:
    assert decode(with_primary(f7=2**64 - 1)).primary.lifetime_ms == 2**64 - 1


@pytest.mark.row("I8")
def test_a_fragment_that_is_the_whole_or_must_not_be_one_is_taken_as_it_is() -> None:
    base = (7, 1 | 4, 1, [2, [101, 7]], [2, [201, 1]], [2, [201, 0]], [849312000000, 3], 86400000)
    octets = bundle_octets(block_octets((*base, 0, 5), 2), PAYLOAD)
    assert encode(decode(octets)) == octets
