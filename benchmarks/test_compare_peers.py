"""Peers and ours on a small part of S20: the comparison itself works, and ours is faster."""

import pytest
from compare_peers import PEERS, compare


@pytest.mark.slow
def test_ours_is_faster_than_the_peers_on_the_common_scenario():
    found = compare(300)
    assert {
        said["delivered"] for said in found.values() if said is not found["lightlag direct"]
    } == {300}
    for peer in PEERS:
        assert found["lightlag sabr"]["useful_hops_per_s"] > found[peer]["useful_hops_per_s"]
