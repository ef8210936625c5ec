"""Endpoint identifiers, as text and in CBOR (RFC 9171 section 4.2.5, RFC 9758)."""

from contextlib import suppress

import cbor2
import pytest
from bundles import VECTORS, eids
from hypothesis import given
from hypothesis import strategies as st

from dtn.cbor import Reader
from dtn.eid import (
    NULL_EID,
    DtnEid,
    Eid,
    IpnEid,
    UnknownEid,
    eid_size,
    encode_eid,
    parse_eid,
    read_eid,
)
from dtn.errors import InvalidValue, MalformedBundle


def decoded(octets: bytes, *, tolerant: bool = False) -> Eid:
    reader = Reader(octets, tolerant=tolerant)
    eid = read_eid(reader, "EID")
    assert reader.at_end()
    return eid


def of(value: object) -> Eid:
    """The identifier of this array, encoded by cbor2."""
    return decoded(cbor2.dumps(value))


@pytest.mark.row("B12")
@pytest.mark.parametrize("text", VECTORS["eid_text_valid"])
def test_a_valid_text_is_read_and_printed_so_that_it_reads_the_same(text: str) -> None:
    eid = parse_eid(text)
    assert parse_eid(str(eid)) == eid
    assert decoded(encode_eid(eid)) == eid


@pytest.mark.row("B14")
@pytest.mark.parametrize(
    "text", [*VECTORS["eid_text_invalid"], "ipn:1.18446744073709551616", "ipn:1.2\n"]
)
def test_an_invalid_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        parse_eid(text)


@pytest.mark.row("A9", "B9")
@pytest.mark.parametrize("vector", VECTORS["eid_cbor"], ids=lambda vector: vector["uri"])
def test_each_cbor_form_decodes_to_its_uri_and_encodes_as_it_came(vector: dict[str, str]) -> None:
    octets = bytes.fromhex(vector["hex"])
    eid = decoded(octets)
    assert eid == parse_eid(vector["uri"].partition(" ")[0])
    assert encode_eid(eid) == octets


@pytest.mark.row("B1")
@pytest.mark.parametrize(
    "value", [[2], [2, [1, 1], 0], 2, "dtn:none", [-2, [1, 1]], ["ipn", [1, 1]], []]
)
def test_an_identifier_is_an_array_of_a_scheme_number_and_its_part(value: object) -> None:
    with pytest.raises(MalformedBundle) as fault:
        of(value)
    assert fault.value.layer in ("cbor", "codec")


@pytest.mark.row("B2")
@pytest.mark.parametrize("ssp", [1, 23, 2**40, -1, b"//n/x", "none", None, []])
def test_the_dtn_scheme_knows_no_number_but_none_and_no_text_none(ssp: object) -> None:
    with pytest.raises(MalformedBundle):
        of([1, ssp])


@pytest.mark.row("B3")
@pytest.mark.parametrize(
    "ssp",
    ["//n", "/n/", "n/x", "//n/a b", "//n/\x7f", "//n/\u00e9", "//n /x", "//n%g0/", "//n/\n", ""],
)
def test_a_dtn_identifier_outside_its_grammar_is_refused(ssp: str) -> None:
    with pytest.raises(MalformedBundle):
        of([1, ssp])
    with pytest.raises(InvalidValue):
        DtnEid(ssp)


@pytest.mark.row("B4")
def test_a_demux_that_starts_with_a_tilde_makes_a_group_that_names_no_node() -> None:
    group = parse_eid("dtn://node18/~tele")
    assert (group.is_singleton, group.node, group.service_text) == (False, None, "~tele")
    assert parse_eid("dtn://node18/tele~").is_singleton


@pytest.mark.row("B5", "B15")
@pytest.mark.parametrize(
    ("text", "administrative"),
    [
        ("dtn://n/", True),
        ("dtn://n/x", False),
        ("dtn:none", False),
        ("ipn:3.0", True),
        ("ipn:3.1", False),
        ("ipn:0.0", False),
        ("ipn:9.3.0", True),
    ],
)
def test_the_administrative_endpoint_has_no_demux_or_service_0(
    text: str, administrative: bool
) -> None:
    assert parse_eid(text).is_administrative is administrative


@pytest.mark.row("B15")
def test_all_endpoints_of_a_node_have_one_node_key_and_different_nodes_have_different_ones() -> (
    None
):
    assert parse_eid("ipn:101.7").node == parse_eid("ipn:101.0").node == 101
    assert parse_eid("dtn://n/a").node == parse_eid("dtn://n/b/c").node == "n"
    keys = [
        parse_eid(text).node for text in ("ipn:1.1", "ipn:2.1", "ipn:1.1.1", "dtn://1/1", "ipn:!.1")
    ]
    assert len(set(keys)) == len(keys)


@pytest.mark.row("B6")
@pytest.mark.parametrize(
    "ssp", [[], [1], [1, 2, 3, 4], [1, -2], ["1", 2], [1.0, 2], [0, 1, None], 5, "1.2"]
)
def test_an_ipn_part_is_an_array_of_two_or_three_unsigned_integers(ssp: object) -> None:
    with pytest.raises(MalformedBundle):
        of([2, ssp])


@pytest.mark.row("B7")
def test_two_elements_hold_allocator_and_node_in_one_number() -> None:
    eid = of([2, [977000 << 32 | 100, 1]])
    assert isinstance(eid, IpnEid)
    assert (eid.allocator, eid.node_number, eid.service_number) == (977000, 100, 1)


@pytest.mark.row("B7")
@pytest.mark.parametrize("ssp", [[2**32, 1, 1], [1, 2**32, 1], [2**64 - 1, 2**64 - 1, 0]])
def test_three_elements_each_stay_within_32_bits(ssp: list[int]) -> None:
    with pytest.raises(MalformedBundle):
        of([2, ssp])


@pytest.mark.row("B8")
def test_both_forms_of_an_ipn_identifier_are_equal_and_hash_alike() -> None:
    two, three = of([2, [977000 << 32 | 100, 1]]), of([2, [977000, 100, 1]])
    assert two == three
    assert len({two, three}) == 1
    assert two.node == three.node
    assert two != of([2, [100, 1]])


@pytest.mark.row("B10")
@pytest.mark.parametrize(("text", "elements"), [("ipn:5.1", 2), ("ipn:0.5.1", 2), ("ipn:7.5.1", 3)])
def test_two_elements_are_produced_for_allocator_0_and_else_three(text: str, elements: int) -> None:
    assert len(cbor2.loads(encode_eid(parse_eid(text)))[1]) == elements


@pytest.mark.row("B11")
def test_all_null_endpoints_are_equal_and_name_nobody() -> None:
    nulls = [NULL_EID, of([2, [0, 0]]), of([2, [0, 0, 0]]), of([2, [0, 1]]), of([2, [0, 0, 9]])]
    assert all(null == other for null in nulls for other in nulls)
    assert len(set(nulls)) == 1
    assert all(null.is_null and null.node is None and not null.is_singleton for null in nulls)
    assert parse_eid("ipn:1.0") not in nulls


@pytest.mark.row("B12", "B13")
@pytest.mark.parametrize("text", ["ipn:!.7", "ipn:4294967295.7", "ipn:0.4294967295.7"])
def test_the_local_node_is_known_in_each_of_its_forms(text: str) -> None:
    eid = parse_eid(text)
    assert eid.is_local_node
    assert str(eid) == "ipn:!.7"
    assert not parse_eid("ipn:1.4294967295.7").is_local_node


@pytest.mark.row("B16")
@pytest.mark.parametrize("service", [2**32, 2**64 - 1])
def test_a_service_number_has_no_limit_but_64_bits(service: int) -> None:
    assert parse_eid(f"ipn:1.{service}") == of([2, [1, service]])


def test_an_unknown_scheme_is_kept_as_it_is_and_names_no_node() -> None:
    octets = cbor2.dumps([3, ["a", [b"b", {"c": 1}]]])
    eid = decoded(octets)
    assert isinstance(eid, UnknownEid)
    assert (eid.node, eid.is_singleton, eid.is_null) == (None, False, False)
    assert encode_eid(eid) == octets


@pytest.mark.row("A8")
def test_an_unknown_scheme_may_not_nest_without_end() -> None:
    for opened in (b"\x81", b"\x9f", b"\xa1"):
        with pytest.raises(MalformedBundle) as fault:
            decoded(b"\x82\x03" + opened * 100_000)
        assert fault.value.layer == "cbor"


@pytest.mark.row("A3")
def test_arrays_and_text_of_indefinite_length_are_taken() -> None:
    assert decoded(bytes.fromhex("9f029f182a07ffff")) == parse_eid("ipn:42.7")
    assert decoded(bytes.fromhex("9f0283000107ff")) == parse_eid("ipn:1.7")
    assert decoded(bytes.fromhex("82017f642f2f6e2f6178ff")) == parse_eid("dtn://n/x")
    assert decoded(bytes.fromhex("82039f01ff")) == UnknownEid(3, bytes.fromhex("9f01ff"))


def test_a_tolerant_reader_takes_none_as_text_and_a_missing_delimiter() -> None:
    assert decoded(cbor2.dumps([1, "none"]), tolerant=True) == NULL_EID
    assert decoded(cbor2.dumps([1, "//n"]), tolerant=True) == parse_eid("dtn://n/")
    assert decoded(bytes.fromhex("820282180107"), tolerant=True) == parse_eid("ipn:1.7")


@pytest.mark.parametrize(
    "numbers", [(-1, 1, 1), (0, 2**32, 1), (0, 1, 2**64), (0, -1, 1), (0, 1, -1), (0, 1, 1, 4)]
)
def test_numbers_out_of_range_make_no_identifier(numbers: tuple[int, ...]) -> None:
    with pytest.raises(InvalidValue):
        IpnEid(*numbers)


@given(eids())
def test_what_is_encoded_decodes_to_the_same_and_has_the_reckoned_size(eid: Eid) -> None:
    octets = encode_eid(eid)
    assert decoded(octets) == eid
    assert encode_eid(decoded(octets)) == octets
    assert len(octets) == eid_size(eid)
    cbor2.loads(octets)


@given(eids())
def test_text_of_a_known_scheme_reads_back_to_the_same(eid: Eid) -> None:
    if not isinstance(eid, UnknownEid):
        assert parse_eid(str(eid)) == eid


@given(st.text(max_size=40))
def test_any_text_is_an_identifier_or_an_invalid_value(text: str) -> None:
    for candidate in (text, "ipn:" + text, "dtn://" + text):
        with suppress(InvalidValue):
            assert parse_eid(candidate) == parse_eid(str(parse_eid(candidate)))
