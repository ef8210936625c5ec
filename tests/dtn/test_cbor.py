"""The CBOR that the bundle protocol needs, against cbor2."""

from collections.abc import Callable

import cbor2
import pytest
from bundles import UINT64
from hypothesis import given
from hypothesis import strategies as st

from dtn.cbor import INDEFINITE, MAX_DEPTH, Reader, byte_string, head, head_size, text_string, uint
from dtn.errors import MalformedBundle

LEAVES = (
    st.integers(-(2**64), 2**64 - 1)
    | st.binary(max_size=9)
    | st.text(max_size=9)
    | st.booleans()
    | st.none()
)
ITEMS = st.recursive(
    LEAVES,
    lambda items: (
        st.lists(items, max_size=4) | st.dictionaries(st.integers(0, 9), items, max_size=3)
    ),
    max_leaves=8,
)


def layer_of(octets: bytes, read: Callable[[Reader], object]) -> str:
    with pytest.raises(MalformedBundle) as fault:
        read(Reader(octets))
    return fault.value.layer


@pytest.mark.row("A2")
@given(UINT64, st.binary(max_size=300), st.text(max_size=300))
def test_what_is_written_is_what_another_encoder_writes(
    number: int, data: bytes, text: str
) -> None:
    assert uint(number) == cbor2.dumps(number)
    assert len(uint(number)) == head_size(number)
    assert byte_string(data) == cbor2.dumps(data)
    assert text_string(text) == cbor2.dumps(text)


@pytest.mark.row("A2")
@pytest.mark.parametrize("number", [0, 23, 24, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**64 - 1])
def test_heads_change_their_form_exactly_where_they_must(number: int) -> None:
    assert uint(number) == cbor2.dumps(number)
    assert head(4, number)[1:] == uint(number)[1:]
    assert Reader(uint(number)).uint("number") == number
    assert Reader(head(4, number)).array("array") == number


@given(ITEMS)
def test_any_item_is_passed_whole(item: object) -> None:
    octets = cbor2.dumps(item)
    reader = Reader(octets + b"\x00")
    assert reader.skip_item("item") == octets
    assert reader.uint("next") == 0


@pytest.mark.row("A8")
def test_items_may_nest_so_deep_and_no_deeper() -> None:
    deepest = b"\x81" * MAX_DEPTH + b"\x00"
    assert Reader(deepest).skip_item("item") == deepest
    assert layer_of(b"\x81" + deepest, lambda reader: reader.skip_item("item")) == "cbor"


@pytest.mark.parametrize(
    "octets", ["9f0102ff", "9fff", "5f4101420203ff", "7fff", "9f9f00ffff", "819f01ff"]
)
def test_items_of_indefinite_length_are_passed_whole(octets: str) -> None:
    assert Reader(bytes.fromhex(octets)).skip_item("item").hex() == octets


@pytest.mark.parametrize(
    ("octets", "layer"),
    [
        ("", "cbor"),
        ("ff", "cbor"),
        ("1c", "cbor"),
        ("1f", "cbor"),
        ("18", "cbor"),
        ("1817", "encoding"),
        ("5817", "encoding"),
        ("4201", "cbor"),
        ("61ff", "cbor"),
        ("5f6101ff", "codec"),
        ("5f41", "cbor"),
        ("9f01", "cbor"),
        ("8201", "cbor"),
        ("bf0102ff", "encoding"),
        ("a101", "cbor"),
        ("c001", "encoding"),
        ("f90000", "encoding"),
        ("f7", "encoding"),
        ("f8", "encoding"),
        ("9bffffffffffffffff", "cbor"),
        ("bbffffffffffffffff", "cbor"),
    ],
)
def test_an_item_that_is_not_well_formed_or_not_deterministic_is_refused(
    octets: str, layer: str
) -> None:
    assert layer_of(bytes.fromhex(octets), lambda reader: reader.skip_item("item")) == layer


@pytest.mark.row("J6")
@pytest.mark.parametrize("octets", ["00", "01", "f6", "f7", "f8", "40", "f97e00"])
def test_only_false_and_true_are_booleans(octets: str) -> None:
    assert layer_of(bytes.fromhex(octets), lambda reader: reader.boolean("flag")) == "codec"
    assert [Reader(bytes((octet,))).boolean("flag") for octet in (0xF4, 0xF5)] == [False, True]


def test_text_is_utf_8_in_each_of_its_chunks() -> None:
    def read(reader: Reader) -> str:
        return reader.text_string("text")

    assert read(Reader(bytes.fromhex("7f62c3bc6161ff"))) == "\u00fca"
    assert layer_of(bytes.fromhex("7f61c361bcff"), read) == "cbor"
    assert layer_of(bytes.fromhex("62c328"), read) == "cbor"
    assert layer_of(bytes.fromhex("7f7f6161ffff"), read) == "encoding"


def test_an_array_has_the_items_that_it_announces() -> None:
    reader = Reader(bytes.fromhex("9f01ff"))
    count = reader.array("array")
    assert (count, reader.uint("item")) == (INDEFINITE, 1)
    reader.end_array(count, 1, "array")
    assert reader.at_end()
    assert layer_of(b"\x00", lambda other: other.end_array(INDEFINITE, 1, "array")) == "codec"
    assert layer_of(b"", lambda other: other.end_array(2, 1, "array")) == "codec"


def test_a_tolerant_reader_takes_longer_heads() -> None:
    assert Reader(bytes.fromhex("1b0000000000000007"), tolerant=True).uint("number") == 7
    assert Reader(bytes.fromhex("580161"), tolerant=True).byte_string("data") == b"a"
