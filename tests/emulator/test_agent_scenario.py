"""`[agent]` and `reports`: what a scenario says of the bundle protocol agents is what they do."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from test_traffic import NODES

import emulator
from dtn.bundle import BundleFlag, CrcType
from dtn.contact_plan import Contact, ContactPlan
from dtn.errors import BadInput
from emulator.scenario import load
from emulator.setup import AgentSettings, over

FLOW = """
[[traffic]]
name = "flow"
application = "telemetry"
from = "craft"
to = "ground"
size = "{size}"
period = "1h"
until = "59min"
lifetime = "{lifetime}"
"""
GAPS = ContactPlan(
    [
        Contact(a, b, start_s, start_s + 10.0, 8e5, 2.0)
        for start_s in (100.0, 5000.0, 9000.0)
        for a, b in (("craft", "ground"), ("ground", "craft"))
    ]
)
"""Ten seconds at a time, a megabyte each."""


def written(folder: Path, *parts: str) -> Path:
    file = folder / "two.toml"
    file.write_text("".join(parts))
    return file


def flow(size: str = "1 kB", lifetime: str = "12h", more: str = "") -> str:
    return FLOW.format(size=size, lifetime=lifetime) + more


def ran(folder: Path, *parts: str):
    return emulator.run(over(load(written(folder, NODES, *parts)), GAPS))


def counts(result) -> dict[str, int]:
    return dict(result.events["event"].value_counts().iter_rows())


ALL = """
[agent]
fragment = true
status_reports = true
lifetime_override = "90s"
hop_limit = 9
crc = "crc16"
"""


def test_every_key_reaches_every_agent_and_a_nodes_own_table_changes_what_it_names(tmp_path):
    own = NODES.replace("ipn = 2\n", 'ipn = 2\nagent = { fragment = false, crc = "crc32c" }\n')
    ground, craft = over(load(written(tmp_path, own, ALL)), GAPS).members
    assert ground.agent == AgentSettings(
        fragment=True,
        status_reports=True,
        lifetime_override_s=90.0,
        hop_limit=9,
        crc_type=CrcType.CRC16_X25,
    )
    assert craft.agent == AgentSettings(
        fragment=False,
        status_reports=True,
        lifetime_override_s=90.0,
        hop_limit=9,
        crc_type=CrcType.CRC32C,
    )


def test_without_a_table_agents_are_as_they_always_were(tmp_path):
    ground, craft = over(load(written(tmp_path, NODES)), GAPS).members
    assert ground.agent == craft.agent == AgentSettings()
    assert math.isinf(ground.agent.lifetime_override_s)


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("hop_limit = 0", "agent.hop_limit"),
        ("hop_limit = 256", "agent.hop_limit"),
        ('crc = "none"', "agent.crc"),
        ('lifetime_override = "0s"', "agent.lifetime_override"),
        ("fragment = 1", "agent.fragment"),
        ("fragments = true", "agent.fragments"),
    ],
)
def test_what_cannot_be_is_named(tmp_path, table, key):
    with pytest.raises(BadInput) as bad:
        load(written(tmp_path, NODES, f"[agent]\n{table}\n"))
    assert [fault.key for fault in bad.value.faults] == [key]


def test_a_file_larger_than_any_contact_arrives_in_pieces_where_agents_fragment(tmp_path):
    whole = ran(tmp_path, flow("1.5 MB"))
    assert whole.summary["bundles"]["delivered"] == 0
    cut = ran(tmp_path, "[agent]\nfragment = true\n", flow("1.5 MB"))
    assert cut.summary["bundles"]["delivered"] == 1
    assert counts(cut)["BundleFragmented"] == counts(cut)["BundleReassembled"] == 1


def test_a_lifetime_override_deletes_sooner_than_the_bundle_asks(tmp_path):
    kept = ran(tmp_path, flow())
    pared = ran(tmp_path, '[agent]\nlifetime_override = "50s"\n', flow())
    assert kept.summary["bundles"]["delivered"] == 1
    deleted = next(event for event in pared.log if type(event).__name__ == "BundleDeleted")
    assert (deleted.node, deleted.reason) == ("craft", 10)
    assert deleted.t_s == pytest.approx(50.0, abs=0.01)


def test_a_report_that_is_asked_for_and_made_comes_back_to_the_source(tmp_path):
    asked = flow(more='reports = ["delivered"]\n')
    scenario = load(written(tmp_path, NODES, "[agent]\nstatus_reports = true\n", asked))
    setup = over(scenario, GAPS)
    assert setup.streams[0].report_flags == BundleFlag.REPORT_DELIVERY
    result = emulator.run(setup)
    (report,) = [event for event in result.log if type(event).__name__ == "StatusReported"]
    assert (report.node, report.status) == ("craft", "delivered")
    assert result.summary["administrative"] == 1


def test_a_report_that_nobody_would_make_is_a_fault_of_the_scenario(tmp_path):
    with pytest.raises(BadInput, match="no node makes any") as bad:
        load(written(tmp_path, NODES, flow(more='reports = ["delivered"]\n')))
    assert [fault.key for fault in bad.value.faults] == ['traffic[0] "flow".reports']


def test_a_crc_of_16_bits_makes_a_bundle_shorter_by_what_it_saves(tmp_path):
    sizes = [
        ran(tmp_path, f'[agent]\ncrc = "{crc}"\n', flow()).bundles["size_bytes"][0]
        for crc in ("crc32c", "crc16")
    ]
    assert sizes[0] - sizes[1] == 4  # two octets in each of two blocks


def test_a_hop_limit_of_one_ends_what_needs_two_hops(tmp_path):
    third = '\n[[nodes]]\nname = "relay"\nipn = 3\nrole = "gateway"\n'
    line = ContactPlan(
        [
            Contact("craft", "relay", 100.0, 200.0, 8e5, 2.0),
            Contact("relay", "ground", 300.0, 400.0, 8e5, 2.0),
        ]
    )
    delivered = []
    for limit in (1, 2):
        text = written(tmp_path, NODES, third, f"[agent]\nhop_limit = {limit}\n", flow())
        delivered.append(emulator.run(over(load(text), line)).summary["bundles"]["delivered"])
    assert delivered == [0, 1]
