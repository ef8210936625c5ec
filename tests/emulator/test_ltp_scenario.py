"""`convergence = "ltp"`: what the scenario says of it reaches the links, and a run over it adds up."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from test_scenario import GOOD

import emulator
from dtn.contact_plan import Contact, ContactPlan
from dtn.errors import BadInput
from dtn.ltp.options import EngineOptions
from emulator import scenario as scenarios
from emulator.setup import Demand, Member, Setup
from emulator.setup.ltp import ltp_options
from nodes.convergence.ltp_options import LtpAuthentication, LtpOptions

LTP = """\
[ltp]
segment = "8 kB"
aggregation = "1 MB"
aggregation_time = "2s"
max_export_sessions = 7
checkpoint_limit = 1
report_limit = 2
cancel_limit = 3
round_limit = 4
anticipated_latency = "5s"
frame_loss = 0.01
"""
GATEWAY = """\
[[nodes]]
name = "office"
ipn = 3
role = "gateway"

[[links]]
between = ["teide", "office"]
rate_bps = 1e9
owlt_s = 0.01
frame_loss = 0.001
"""


def load(tmp_path, text):
    file = tmp_path / "scenario.toml"
    file.write_text(text)
    return scenarios.load(file)


def with_ltp(extra=LTP):
    return GOOD.replace('name = "small"\n', 'name = "small"\nconvergence = "ltp"\n') + extra


def test_every_value_of_the_table_reaches_the_links(tmp_path):
    assert ltp_options(load(tmp_path, with_ltp(LTP + GATEWAY))) == LtpOptions(
        engine=EngineOptions(
            segment_bytes=8000,
            max_export_sessions=7,
            checkpoint_limit=1,
            report_limit=2,
            cancel_limit=3,
            round_limit=4,
        ),
        aggregation_bytes=10**6,
        aggregation_s=2.0,
        aal_s=5.0,
        frame_loss=0.01,
        frame_losses={("teide", "office"): 0.001, ("office", "teide"): 0.001},
    )


def test_what_is_left_out_is_as_the_convergence_layer_has_it(tmp_path):
    assert ltp_options(load(tmp_path, with_ltp(""))) == LtpOptions()
    assert load(tmp_path, GOOD).convergence == "whole-bundle"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (with_ltp("[ltp]\nsegment = '127 B'\n"), "ltp.segment"),
        (with_ltp("[ltp]\nsegment = 1400\n"), "ltp.segment"),
        (with_ltp("[ltp]\nframe_loss = 1.0\n"), "ltp.frame_loss"),
        (with_ltp("[ltp]\nframe_loss = -0.1\n"), "ltp.frame_loss"),
        (with_ltp("[ltp]\nmax_export_sessions = 0\n"), "ltp.max_export_sessions"),
        (with_ltp("[ltp]\nround_limit = -1\n"), "ltp.round_limit"),
        (with_ltp("[ltp]\nsegments = '1 kB'\n"), "ltp.segments"),
        (with_ltp("").replace('"ltp"', '"udp"'), "convergence"),
        (GOOD + LTP, "ltp"),
        (GOOD + GATEWAY, "links[0].frame_loss"),
    ],
)
def test_what_cannot_be_is_named(tmp_path, text, key):
    with pytest.raises(BadInput) as bad:
        load(tmp_path, text)
    assert [fault.key for fault in bad.value.faults] == [key]


def small_setup(ltp=None, seed=1):
    """Two nodes four light minutes apart, a contact a day, a hundred bundles."""
    contacts = [
        Contact(a, b, day * 86400.0, day * 86400.0 + 7200.0, 1e6, 240.0)
        for day in range(3)
        for a, b in (("mars", "earth"), ("earth", "mars"))
    ]
    demands = [
        Demand(
            created_s=600.0 * number,
            source="mars",
            destination="earth",
            size_bytes=50_000,
            lifetime_s=2 * 86400.0,
            priority=1,
            flow="science",
        )
        for number in range(100)
    ]
    return Setup(
        name="small",
        sha256="",
        start=None,
        duration_s=3 * 86400.0,
        seed=seed,
        strategy="sabr",
        plan=ContactPlan(contacts),
        members=(Member(name="mars", ipn=1), Member(name="earth", ipn=2)),
        demands=tuple(demands),
        ltp=ltp,
    )


@pytest.mark.parametrize(
    ("loss", "until_s", "fate", "cause"),
    [
        (0.0, 5900.0, "in_network", "between two nodes"),
        (0.9, 9000.0, "dropped", "frame lost: not received"),
    ],
)
def test_what_is_sent_too_late_to_be_acknowledged_has_a_fate_like_any_other(
    loss, until_s, fate, cause
):
    setup = small_setup(LtpOptions(frame_loss=loss))
    contacts = [Contact(a, b, 0.0, 6000.0, 1e6, 240.0) for a, b in ("ab", "ba")]
    late = replace(setup.demands[0], source="a", destination="b", created_s=5780.0)
    members = (Member(name="a", ipn=1), Member(name="b", ipn=2))
    result = emulator.run(
        replace(
            setup,
            plan=ContactPlan(contacts),
            demands=(late,),
            members=members,
            duration_s=until_s,
        )
    )
    assert result.summary["losses"] == [{"fate": fate, "cause": cause, "bundles": 1}]


def test_a_run_over_lossy_links_delivers_what_a_run_over_good_ones_does():
    lossy = emulator.run(small_setup(LtpOptions(frame_loss=0.05)))
    good = emulator.run(small_setup())
    kinds = Counter(lossy.events["event"])
    assert kinds["SegmentLost"] > 100
    assert kinds["SessionCompleted"] == kinds["BlockSent"] == kinds["TransferFinished"] == 100
    assert lossy.summary["bundles"] == good.summary["bundles"]
    assert lossy.summary["bundles"]["delivered"] == 100
    assert lossy.summary["latency_s"]["mean"] > good.summary["latency_s"]["mean"]
    assert lossy.summary["breakdown_s"]["retransmission"] > 0


@pytest.mark.parametrize("aggregation_bytes", [0, 10**6])
def test_what_no_link_loses_is_no_retransmission(aggregation_bytes):
    options = LtpOptions(aggregation_bytes=aggregation_bytes, aggregation_s=30.0)
    result = emulator.run(small_setup(options))
    parts = result.summary["breakdown_s"]
    assert result.summary["bundles"]["delivered"] == 100
    assert (result.bundles["retransmission_s"] == 0).all()
    assert parts["light"] == pytest.approx(240.0, abs=1e-6)
    assert parts["airtime"] == pytest.approx(8 * 50_100 / 1e6, rel=0.01)
    assert sum(parts.values()) == pytest.approx(result.summary["latency_s"]["mean"], abs=1e-6)


def test_only_what_was_lost_is_retransmission_and_takes_light_there_and_back_again():
    result = emulator.run(small_setup(LtpOptions(frame_loss=0.01)))
    again_s = result.bundles["retransmission_s"]
    assert 0 < (again_s > 0).sum() < 100
    assert again_s.filter(again_s > 0).min() >= 2 * 240.0
    parts = [f"{part}_s" for part in result.summary["breakdown_s"]]
    total_s = result.bundles.select(parts).sum_horizontal()
    assert (total_s - result.bundles["latency_s"]).abs().max() < 1e-6


def test_goodput_stays_under_the_bound_of_its_sessions_and_the_summary_tells_it(tmp_path):
    """Two sessions, blocks of 50 kB, eight light minutes there and back."""
    options = LtpOptions(engine=EngineOptions(max_export_sessions=2))
    result = emulator.run(small_setup(options), out=tmp_path)
    (link,) = result.summary["ltp_links"]
    assert (link["source"], link["destination"], link["sessions"]) == ("mars", "earth", 2)
    assert link["round_trip_s"] == 480.0
    assert link["goodput_bound_bps"] == 2 * link["mean_block_bytes"] * 8 / 480.0
    assert link["mean_block_bytes"] == pytest.approx(50_100, rel=0.01)
    assert 0 < link["goodput_bps"] < link["goodput_bound_bps"] < link["rate_bps"] == 1e6
    page = (tmp_path / "report.html").read_text()
    assert "2 blocks may be under way at once" in page
    assert emulator.Result.read(tmp_path).summary["ltp_links"] == [link]


def test_without_ltp_no_link_has_a_bound():
    result = emulator.run(small_setup())
    assert result.summary["ltp_links"] == []
    assert "under way at once" not in result.page()


def test_a_block_that_a_contacts_end_gives_back_untouched_was_not_lost():
    """One session at a time: the second waits for the first's report and is given back at the end."""
    contacts = [
        Contact(a, b, start_s, start_s + 300.0, 1e6, 240.0)
        for start_s in (0.0, 86400.0)
        for a, b in (("mars", "earth"), ("earth", "mars"))
    ]
    options = LtpOptions(engine=EngineOptions(max_export_sessions=1))
    setup = replace(small_setup(options), plan=ContactPlan(contacts))
    setup = replace(setup, demands=tuple(replace(d, created_s=1.0) for d in setup.demands[:2]))
    result = emulator.run(setup)
    assert Counter(result.events["event"])["TransferFailed"] > 0
    assert result.summary["bundles"]["delivered"] == 2
    assert (result.bundles["retransmission_s"] == 0).all()


def test_equal_seeds_give_equal_runs_over_lossy_links():
    setup = small_setup(LtpOptions(frame_loss=0.05))
    first, again, other = (
        emulator.run(one).events for one in (setup, setup, replace(setup, seed=2))
    )
    assert first.equals(again)
    assert not first.equals(other)


KEY = "00112233445566778899aabbccddeeff"


def signed(suite="HMAC-SHA1-80", keys='{ "*" = "ltp.key" }', extra=""):
    return with_ltp(f'[ltp]\nauthentication = "{suite}"\nauthentication_keys = {keys}\n{extra}')


def test_links_of_a_scenario_are_signed_with_the_keys_of_its_files(tmp_path):
    (tmp_path / "ltp.key").write_text(f"# of this mission\n{KEY}\n")
    authentication = ltp_options(load(tmp_path, signed())).authentication
    assert set(authentication.keys.values()) == {bytes.fromhex(KEY)}
    assert KEY not in repr(authentication)
    null = load(tmp_path, signed("NULL", "{}"))
    assert ltp_options(null).authentication.between("a", "b").own.number == 255


@pytest.mark.parametrize(
    ("text", "file", "key"),
    [
        (signed(), None, 'ltp.authentication_keys."*"'),
        (signed(), "no hexadecimal", 'ltp.authentication_keys."*"'),
        (signed(), "0011", 'ltp.authentication_keys."*"'),
        (signed("RSA-SHA256"), KEY, 'ltp.authentication_keys."*"'),
        (signed("NULL"), KEY, "ltp.authentication_keys"),
        (signed(keys='{ "nobody" = "ltp.key", "*" = "ltp.key" }'), KEY, '."nobody"'),
        (signed(keys="{}"), KEY, "ltp.authentication_keys"),
        (signed(extra='segment = "128 B"\n'), KEY, "ltp.segment"),
        (signed("MD5"), KEY, "ltp.authentication"),
    ],
)
def test_keys_that_cannot_be_are_refused_by_name_and_never_shown(tmp_path, text, file, key):
    if file is not None:
        (tmp_path / "ltp.key").write_text(file)
    with pytest.raises(BadInput) as refused:
        load(tmp_path, text)
    assert any(fault.key.endswith(key) for fault in refused.value.faults)
    assert KEY not in str(refused.value)


def test_a_signed_run_delivers_the_same_bundles_for_a_few_octets_more():
    setup = small_setup(LtpOptions())
    plain = emulator.run(setup)
    keys = {member.name: member.name.encode() * 16 for member in setup.members}
    suite = LtpAuthentication(suite=0, keys=keys)
    guarded = emulator.run(small_setup(LtpOptions(authentication=suite)))
    assert guarded.summary["bundles"] == plain.summary["bundles"]
    assert guarded.summary["latency_s"]["mean"] >= plain.summary["latency_s"]["mean"]
