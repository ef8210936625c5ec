"""Peers and ours on a small part of S20: the comparison itself works, ours is faster and no later."""

import pytest
from compare_peers import PEERS, compare
from s20_bound import least_mean_latency_s


@pytest.mark.slow
def test_ours_is_faster_than_the_peers_on_the_common_scenario():
    found = compare(300)
    assert {
        said["delivered"] for said in found.values() if said is not found["lightlag direct"]
    } == {300}
    for peer in PEERS:
        assert found["lightlag sabr"]["useful_hops_per_s"] > found[peer]["useful_hops_per_s"]
    least_s = least_mean_latency_s(300)
    for strategy in ("sabr", "oracle"):
        latency_s = found[f"lightlag {strategy}"]["mean_latency_s"]
        assert least_s - 0.1 <= latency_s <= found["aiodtnsim"]["mean_latency_s"]
