"""Stale and partial contact plans: nodes decide by what they know, and news travel over the network themselves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import emulator
from dtn.contact_plan import Contact, ContactPlan
from dtn.contact_plan.update import NamedContact, decode_update, encode_update
from dtn.errors import BadInput
from dtn.events import (
    BundleDelivered,
    BundleSourced,
    PlanUpdated,
    RouteComputed,
    RouteForfeited,
    TransferStarted,
)
from dtn.routing import load_strategy
from emulator.constellation import setup_file
from emulator.one_process import fly
from emulator.reports.history import history_of
from emulator.reports.plan_age import plan_age_section, plan_ages
from emulator.scenario import load
from emulator.setup import Demand, Member, Setup, over
from nodes.applications.plan_news import News, unknown_at
from nodes.faults import LinkOutage

NUMBERS = {"a": 1, "d": 2, "o": 3, "r": 4}
WORD = Contact("o", "a", 90, 93, 1e6, 0.5)  # by which a hears
CONTACTS = [
    WORD,
    Contact("a", "r", 96, 99, 1e6, 0.5),
    Contact("a", "d", 100, 110, 1e6, 0.5),  # is cancelled
    Contact("r", "d", 140, 150, 1e6, 0.5),
    Contact("a", "d", 500, 510, 1e6, 0.5),
]


def setup_of(contacts, news=(), strategy="sabr", outages=(), created_s=20.0):
    plan = ContactPlan(contacts, ipn_numbers=NUMBERS)
    demand = Demand(
        created_s=created_s, source="a", destination="d", size_bytes=1000, lifetime_s=900.0
    )
    return Setup(
        name="updates",
        sha256="",
        start=None,
        duration_s=1000.0,
        seed=1,
        strategy=strategy,
        plan=plan,
        members=tuple(Member(name=name, ipn=ipn) for name, ipn in NUMBERS.items()),
        demands=(demand,),
        outages=outages,
        news=tuple(news(plan)) if callable(news) else news,
    )


def events_of(setup):
    events = []
    fly(setup, load_strategy(setup.strategy), events.append)
    return events


def kinds(events, kind):
    of_user = {e.bundle for e in events if isinstance(e, BundleSourced) and e.flow == "traffic"}
    return [e for e in events if isinstance(e, kind) and getattr(e, "bundle", "") in of_user]


CUT = LinkOutage(between=("a", "d"), at_s=99.5, for_s=11.0, reason="cancelled", one_way=True)


def cancelled(at_s=10.0):
    """The origin hears that a and d will not meet at 100."""

    def news(plan):
        number = next(n for n, c in enumerate(plan.contacts) if c.start_s == 100)
        yield News(at_s=at_s, origin="o", lifetime_s=900.0, withdrawn=(number,))

    return news


@pytest.mark.parametrize("strategy", ["sabr", "cgr", "spsn", "volume_aware", "source_route"])
def test_who_has_not_heard_goes_by_the_old_plan_and_goes_another_way_when_it_hears(strategy):
    events = events_of(setup_of(CONTACTS, cancelled(), strategy, (CUT,)))
    chosen = [(e.t_s, e.entry) for e in kinds(events, RouteComputed) if e.node == "a"]
    (heard,) = [e for e in events if isinstance(e, PlanUpdated) and e.node == "a"]
    assert chosen[0] == (20.0, "d")
    assert chosen[1] == (heard.t_s, "r")
    assert 90.5 < heard.t_s < 93.5
    assert (heard.version, heard.known_s) == (1, 10.0)
    assert [e.t_s > 140 for e in kinds(events, BundleDelivered)] == [True]
    assert kinds(events, BundleDelivered)[0].t_s < 150


def test_who_never_hears_waits_in_vain_and_loses_the_other_way():
    contacts = [contact for contact in CONTACTS if contact is not WORD]
    events = events_of(setup_of(contacts, cancelled(), outages=(CUT,)))
    assert [e.node for e in events if isinstance(e, PlanUpdated)] == ["o"]
    assert [(e.t_s, e.entry) for e in kinds(events, RouteForfeited)] == [(110.0, "d")]
    (delivered,) = kinds(events, BundleDelivered)
    assert delivered.t_s > 500


def announced(at_s):
    def news(plan):
        number = next(n for n, c in enumerate(plan.contacts) if c.start_s == 100)
        yield News(at_s=at_s, origin="o", lifetime_s=900.0, announced=(number,))

    return news


def test_what_nobody_told_is_not_counted_on_until_somebody_does():
    events = events_of(setup_of(CONTACTS[:1] + CONTACTS[2:], announced(10.0)))
    first, second = (e for e in kinds(events, RouteComputed))
    assert (first.promised_s > 500, second.promised_s < 110) == (True, True)
    assert kinds(events, BundleDelivered)[0].t_s < 110


def test_a_link_that_comes_up_unannounced_is_known_from_then_on():
    contacts = [contact for contact in CONTACTS if contact is not WORD]
    for created_s, by_s in ((20.0, 151.0), (105.0, 107.0)):
        events = events_of(setup_of(contacts, announced(10.0), created_s=created_s))
        (delivered,) = kinds(events, BundleDelivered)
        assert delivered.t_s < by_s


def test_updates_that_overtake_one_another_are_gone_by_in_order():
    contacts = [
        Contact("o", "a", 0, 1.5, 1e6, 100.0),  # the first is long on its way
        Contact("o", "a", 2, 50, 1e6, 1.0),
        *CONTACTS[1:],
    ]

    def news(plan):
        far = next(n for n, c in enumerate(plan.contacts) if c.start_s == 500)
        yield News(at_s=1.0, origin="o", lifetime_s=900.0, withdrawn=(far,))
        yield News(at_s=3.0, origin="o", lifetime_s=900.0, announced=(far,))

    events = events_of(setup_of(contacts, news))
    heard = [
        (e.version, round(e.t_s)) for e in events if isinstance(e, PlanUpdated) and e.node == "a"
    ]
    assert heard == [(1, 101), (2, 101)]


def test_a_satellite_is_told_at_its_launch_what_is_known_by_then():
    news = (
        News(at_s=10.0, origin="o", lifetime_s=1.0, withdrawn=(4,)),
        News(at_s=20.0, origin="o", lifetime_s=1.0, announced=(5,)),
    )
    assert unknown_at(news, -1.0) == {5}
    assert unknown_at(news, 10.0) == {4, 5}
    assert unknown_at(news, 20.0) == {4}


def test_what_is_in_hand_when_the_plan_changes_is_counted_once():
    """Volume booked before the change is refunded with it: afterwards all of it can be used again."""
    contacts = [
        Contact("o", "a", 30, 40, 1e6, 0.5),
        Contact("a", "d", 100, 101, 80_000, 0.5),  # takes one bundle of 1 kB in ten
        Contact("a", "d", 500, 510, 1e6, 0.5),
    ]

    def news(plan):
        last = next(n for n, c in enumerate(plan.contacts) if c.start_s == 500)
        yield News(at_s=10.0, origin="o", lifetime_s=900.0, withdrawn=(last,))

    base = setup_of(contacts, news)
    demands = tuple(replace(base.demands[0], created_s=20.0 + n) for n in range(8))
    events = events_of(replace(base, demands=demands))
    sent = kinds(events, TransferStarted)
    assert len(sent) == 8
    assert all(event.t_s < 101 for event in sent)


@pytest.mark.parametrize(
    "strategy", ["epidemic", "prophet", "maxprop", "static", "oracle", "rucop", "direct"]
)
def test_every_strategy_lives_with_a_plan_that_changes_and_repeats_itself(strategy):
    setup = setup_of(CONTACTS, cancelled(), strategy, (CUT,))
    assert events_of(setup) == events_of(setup)


@given(
    st.integers(0, 2**32),
    st.integers(0, 10**9),
    st.lists(st.sampled_from(CONTACTS), max_size=4),
    st.lists(st.sampled_from(CONTACTS), max_size=4),
)
def test_an_update_reads_back(version, known_s, withdrawn, announced_):
    update = decode_update(encode_update(version, known_s, withdrawn, announced_, NUMBERS))
    assert (update.version, update.known_us) == (version, known_s * 1_000_000)
    named = [
        NamedContact(NUMBERS[c.source], NUMBERS[c.destination], round(c.start_s * 1_000_000))
        for c in (*withdrawn, *announced_)
    ]
    assert [*update.withdrawn, *update.announced] == named


@given(st.binary(max_size=60))
def test_octets_that_are_no_update_say_nothing(octets):
    update = decode_update(octets)
    assert update is None or update.version >= 0


def test_a_plan_without_some_contacts_keeps_its_numbers():
    plan = ContactPlan(CONTACTS, ipn_numbers=NUMBERS)
    known = plan.without(frozenset({1, 2}))
    assert len(known.contacts) == len(plan.contacts)
    assert known.contacts[0] == plan.contacts[0]
    assert known.contacts[3:] == plan.contacts[3:]
    assert not {known.contacts[1].source, known.contacts[2].destination} & set(NUMBERS)
    assert plan.without(frozenset()) is plan


# --- in a scenario --------------------------------------------------------------------------------

UPDATE = """
[[plan_updates]]
at = "30min"
origin = "teide"
cancelled = [{ link = ["base", "relay"], at = "1h", for = "12h" }]
added = [{ link = ["teide", "relay"], at = "2h" }]
"""


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    """A day of earth-moon with news, and its contacts."""
    text = Path("scenarios/earth-moon.toml").read_text(encoding="utf-8")
    path = tmp_path_factory.mktemp("updates") / "news.toml"
    path.write_text(text.replace('duration = "7d"', 'duration = "1d"') + UPDATE)
    scenario = load(path)
    return scenario, emulator.setup.from_scenario(scenario).plan


def test_a_scenario_says_what_is_cancelled_and_what_nobody_knows(planned):
    scenario, plan = planned
    setup = over(scenario, plan)
    (news,) = setup.news
    assert news.at_s == 1800.0
    gone = {plan.contacts[n] for n in news.withdrawn}
    assert {(c.source, c.destination) for c in gone} == {("base", "relay"), ("relay", "base")}
    assert all(3600 <= c.start_s < 13 * 3600 for c in gone)
    events = events_of(setup)
    opened = {e.contact for e in events if isinstance(e, TransferStarted)}
    assert not opened & set(news.withdrawn)
    assert {e.node for e in events if isinstance(e, PlanUpdated)} >= {"teide"}


def test_a_node_process_is_told_the_same_news(tmp_path):
    setup = setup_of(CONTACTS, cancelled())
    setup_file.save(setup, tmp_path / "setup")
    assert setup_file.load(tmp_path / "setup").setup.news == setup.news


def test_the_report_tells_how_old_each_plan_was():
    events = events_of(setup_of(CONTACTS, cancelled(), outages=(CUT,)))
    ages = {age.node: age for age in plan_ages(history_of(events))}
    assert (ages["o"].version, ages["o"].stale_s) == (1, 0.0)
    assert ages["a"].version == 1
    assert 80.5 < ages["a"].oldest_s == ages["a"].stale_s < 83.5
    assert ages["r"].oldest_s > ages["a"].oldest_s  # it hears from there
    page = plan_age_section(history_of(events))
    assert "<td" in page
    assert plan_age_section(history_of(events_of(setup_of(CONTACTS)))) == ""


def test_news_about_links_that_are_not_there_are_refused(planned, tmp_path):
    scenario, plan = planned
    text = scenario.file.read_text()
    for wrong, right, mend in (
        ('origin = "teide"', 'origin = "tiede"', "teide"),
        ('["base", "relay"]', '["base", "rely"]', "relay"),
        ("cancelled = [{", "canceled = [{", "unknown key"),
    ):
        path = tmp_path / "wrong.toml"
        path.write_text(text.replace(wrong, right))
        with pytest.raises(BadInput, match=mend):
            load(path)
    path.write_text(text.replace('at = "2h" }', 'at = "23h 59min" }'))
    with pytest.raises(BadInput, match="no contact of this link"):
        over(load(path), plan)
