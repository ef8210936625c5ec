"""The two checksums against their published check values (row C5) and against slow arithmetic."""

import pytest
from bundles import VECTORS
from hypothesis import given
from hypothesis import strategies as st

from dtn.crc import crc16_x25, crc32c, crc_value

INPUTS = {
    '"123456789"': b"123456789",
    "32 x 00": bytes(32),
    "32 x ff": b"\xff" * 32,
    "00..1f": bytes(range(32)),
    "1f..00": bytes(range(31, -1, -1)),
}


@pytest.mark.row("C5")
@pytest.mark.parametrize("vector", VECTORS["crc"], ids=lambda v: f"{v['alg']} {v['input']}")
def test_the_check_values_come_out(vector: dict[str, str]) -> None:
    function = {"CRC-16/X-25": crc16_x25, "CRC-32C": crc32c}[vector["alg"]]
    assert function(INPUTS[vector["input"]]) == int(vector["value"].split()[0], 16)


@pytest.mark.row("C1")
def test_type_0_has_no_value_and_the_others_stand_in_network_byte_order() -> None:
    assert crc_value(0, b"123456789") == b""
    assert crc_value(1, b"123456789").hex() == "906e"
    assert crc_value(2, b"123456789").hex() == "e3069283"


def by_shifting(octets: bytes, polynomial: int, ones: int) -> int:
    """A reflected CRC by its definition, bit by bit."""
    state = ones
    for octet in octets:
        state ^= octet
        for _ in range(8):
            state = state >> 1 ^ (polynomial if state & 1 else 0)
    return state ^ ones


@given(st.binary(max_size=200))
def test_any_octets_give_what_the_definition_gives(octets: bytes) -> None:
    assert crc16_x25(octets) == by_shifting(octets, 0x8408, 0xFFFF)
    assert crc32c(octets) == by_shifting(octets, 0x82F63B78, 0xFFFFFFFF)
