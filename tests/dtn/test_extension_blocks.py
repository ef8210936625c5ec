"""The data of blocks 6, 7, 10 and 193, in and out (rows F, and what else decodes them)."""

import cbor2
import pytest
from bundles import a_bundle, eids
from hypothesis import given
from hypothesis import strategies as st

from dtn.bundle import BlockType, CanonicalBlock
from dtn.eid import Eid
from dtn.errors import InvalidValue, MalformedBundle
from dtn.extension_blocks import (
    HopCount,
    QualityOfService,
    decode_bundle_age,
    decode_hop_count,
    decode_previous_node,
    decode_quality_of_service,
    encode_bundle_age,
    encode_hop_count,
    encode_previous_node,
    encode_quality_of_service,
    security_targets,
)


@pytest.mark.row("F1")
@given(eids())
def test_a_previous_node_comes_back(eid: Eid) -> None:
    assert decode_previous_node(encode_previous_node(eid)) == eid


@pytest.mark.row("F2")
@given(st.integers(0, 2**64 - 1))
def test_a_bundle_age_comes_back(age_ms: int) -> None:
    assert decode_bundle_age(encode_bundle_age(age_ms)) == age_ms
    assert cbor2.loads(encode_bundle_age(age_ms)) == age_ms


@pytest.mark.row("F5")
@given(st.integers(1, 255), st.integers(0, 2**64 - 1))
def test_a_hop_count_comes_back(limit: int, count: int) -> None:
    octets = encode_hop_count(limit, count)
    assert decode_hop_count(octets) == HopCount(limit, count)
    assert cbor2.loads(octets) == [limit, count]


@pytest.mark.row("F5")
@pytest.mark.parametrize(("limit", "count"), [(0, 0), (256, 0), (-1, 0), (5, -1), (5, 2**64)])
def test_a_hop_limit_outside_1_to_255_is_not_composed(limit: int, count: int) -> None:
    with pytest.raises(InvalidValue):
        encode_hop_count(limit, count)


def test_a_negative_age_is_not_composed() -> None:
    with pytest.raises(InvalidValue):
        encode_bundle_age(-1)


@pytest.mark.row("F3", "G1")
def test_an_age_that_would_pass_64_bits_stays_at_their_end() -> None:
    assert decode_bundle_age(encode_bundle_age(2**64 + 5)) == 2**64 - 1


def test_the_least_quality_of_service_block_reads_as_ion_sends_it() -> None:
    assert decode_quality_of_service(bytes.fromhex("8400000000")) == QualityOfService(priority=0)
    assert encode_quality_of_service(QualityOfService(priority=0)).hex() == "8400000000"
    assert encode_quality_of_service(QualityOfService(2, True, 254, 7)).hex() == "84010218fe07"


qualities = st.builds(
    QualityOfService,
    priority=st.integers(0, 9),
    critical=st.booleans(),
    ordinal=st.integers(0, 2**40),
    label=st.integers(0, 2**64 - 1),
    other_flags=st.sampled_from((0, 2, 8, 2**40)),
)


@given(qualities)
def test_a_quality_of_service_comes_back(quality: QualityOfService) -> None:
    assert decode_quality_of_service(encode_quality_of_service(quality)) == quality


@pytest.mark.parametrize(
    "octets", ["", "84", "83000000", "850000000000", "8400000020", "840000000000"]
)
def test_a_malformed_quality_of_service_is_refused_where_it_is_read(octets: str) -> None:
    with pytest.raises(MalformedBundle) as fault:
        decode_quality_of_service(bytes.fromhex(octets))
    assert fault.value.layer == "extension"


def test_a_quality_that_cannot_be_encoded_is_not_composed() -> None:
    with pytest.raises(InvalidValue):
        encode_quality_of_service(QualityOfService(priority=-1))


@given(st.binary(max_size=30))
def test_any_octets_are_the_data_of_a_block_or_malformed(octets: bytes) -> None:
    for decoder in (
        decode_previous_node,
        decode_bundle_age,
        decode_hop_count,
        decode_quality_of_service,
    ):
        try:
            decoder(octets)
        except MalformedBundle as fault:
            assert fault.layer == "extension"  # noqa: PT017  (most inputs raise, some must not)


def test_security_targets_are_read_and_unreadable_ones_add_none() -> None:
    def security(number: int, data: str) -> CanonicalBlock:
        return CanonicalBlock(BlockType.BLOCK_INTEGRITY, number, 0, 0, bytes.fromhex(data))

    bundle = a_bundle(
        b"", security(2, "820018640100"), security(3, "ff"), security(4, "9bffffffffffffffff01")
    )
    assert security_targets(bundle, BlockType.BLOCK_INTEGRITY) == {0, 100}
    assert security_targets(bundle, BlockType.BLOCK_CONFIDENTIALITY) == frozenset()
