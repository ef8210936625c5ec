"""The bound: exact where a hand can tell, and never above what a strategy reached."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import emulator
from dtn.contact_plan import Contact, ContactPlan
from dtn.routing import load_strategy
from dtn.routing.strategy import STRATEGIES
from emulator.bound.certificate import certify
from emulator.bound.program import Parcel, least_delay, most_delivered
from emulator.bound.told import FILE, read
from emulator.reports.bound_view import paint
from emulator.reports.figures import TimeAxis
from emulator.reports.readable import gap_text
from emulator.result import Result
from emulator.setup import Demand, Member, Setup

load_strategy("direct")  # registers those that come with Lightlag


def parcel(size_bytes: float = 100.0, created_s: float = 0.0, ideal_s: float = 0.0) -> Parcel:
    return Parcel("a", "b", size_bytes, created_s, ideal_s, 1e6)


def test_bundles_that_share_a_contact_wait_for_each_other() -> None:
    plan = ContactPlan([Contact("a", "b", 0.0, 10.0, 800.0, 0.0)])  # 100 bytes a second
    parcels = [parcel(ideal_s=1.0)] * 10
    # one a second, their mean bit half a second before the last; cut finely the program tells so
    sharp = least_delay(plan, parcels, 1000).value
    assert sharp == pytest.approx(sum(max(turn + 0.5, 1.0) for turn in range(10)), rel=0.01)
    assert least_delay(plan, parcels, 10).value <= sharp <= sum(range(1, 11))


def test_what_does_not_fit_is_not_delivered() -> None:
    plan = ContactPlan([Contact("a", "b", 0.0, 10.0, 800.0, 0.0)])
    parcels = [parcel(ideal_s=1.0)] * 12
    assert most_delivered(plan, parcels, 100, 1e9).value == pytest.approx(10.0, rel=1e-5)
    assert most_delivered(plan, parcels, 100, 5.0).value == pytest.approx(5.0, rel=0.1)


def test_a_minute_more_of_the_contact_that_all_wait_for_is_worth_its_volume() -> None:
    wide = Contact("a", "r", 0.0, 100.0, 8e6, 0.0)
    narrow = Contact("r", "b", 0.0, 10.0, 800.0, 0.0)
    plan = ContactPlan([wide, narrow])
    parcels = [parcel(100.0, 0.0, 1.0)] * 20
    worth = most_delivered(plan, parcels, 50, 1e9).worth_per_minute
    assert worth == {plan.contacts.index(narrow): pytest.approx(60.0)}  # a bundle a second


def test_a_bundle_that_comes_too_late_for_a_contact_takes_the_next() -> None:
    contacts = [Contact("a", "b", 0.0, 10.0, 800.0, 1.0), Contact("a", "b", 50.0, 60.0, 800.0, 1.0)]
    found = least_delay(ContactPlan(contacts), [parcel(created_s=20.0, ideal_s=52.0)], 10)
    assert found.value == pytest.approx(32.0, rel=1e-4)


def test_no_traffic_has_no_delay() -> None:
    plan = ContactPlan([Contact("a", "b", 0.0, 10.0, 800.0, 0.0)])
    assert least_delay(plan, [], 10).value == 0
    assert most_delivered(plan, [parcel(ideal_s=math.inf)], 10, 1e9).value == 0


def network(seed: int, nodes: int, contacts: int, bundles: int) -> Setup:
    """A small network at random, with links so slow that bundles are in each other's way."""
    rng = random.Random(seed)
    names = "abcdef"[:nodes]
    chosen = []
    for _ in range(contacts):
        source, destination = rng.sample(names, 2)
        start_s = rng.uniform(0, 300)
        end_s = start_s + rng.uniform(10, 100)
        rate = rng.choice([8e3, 2e4, (1e4, 2e4, 5e3)])
        chosen.append(Contact(source, destination, start_s, end_s, rate, rng.uniform(0, 5)))
    numbers = {name: number for number, name in enumerate(names, 1)}
    demands = []
    for _ in range(bundles):
        source, destination = rng.sample(names, 2)
        demands.append(
            Demand(
                created_s=rng.uniform(0, 200),
                source=source,
                destination=destination,
                size_bytes=rng.choice([1000, 5000, 20_000]),
                lifetime_s=rng.choice([100.0, 1000.0]),
            )
        )
    return Setup(
        name="random",
        sha256="",
        start=None,
        duration_s=1500.0,
        seed=1,
        strategy="sabr",
        plan=ContactPlan(chosen, ipn_numbers=numbers),
        members=tuple(Member(name=name, ipn=number) for name, number in numbers.items()),
        demands=tuple(sorted(demands, key=lambda demand: demand.created_s)),
    )


def check(setup: Setup, strategies: Iterable[str]) -> None:
    """That no run is better than the bound on its own delay, nor than any run's on delivery."""
    runs = {name: emulator.run(setup, strategy=name) for name in strategies}
    best = max(run.summary["bundles"]["delivered"] for run in runs.values())
    for name, run in runs.items():
        said = certify(run, 200).certificate
        assert said["least_delay_s"] <= said["delay_s"] * (1 + 1e-9), name
        assert said["least_delay_s"] >= said["ideal_delay_s"] * (1 - 1e-4) - 1e-4, name
        assert said["most_delivered"] >= best - 1e-6, name


@settings(max_examples=8)
@given(st.integers(0, 2**32), st.integers(2, 6), st.integers(1, 25), st.integers(1, 25))
def test_no_strategy_is_better_than_the_bound(
    seed: int, nodes: int, contacts: int, bundles: int
) -> None:
    check(network(seed, nodes, contacts, bundles), ("oracle", "sabr", "epidemic"))


@pytest.mark.slow
@settings(max_examples=20)
@given(st.integers(0, 2**32), st.integers(2, 6), st.integers(1, 60), st.integers(1, 60))
def test_no_strategy_is_better_than_the_bound_in_larger_networks(
    seed: int, nodes: int, contacts: int, bundles: int
) -> None:
    check(network(seed, nodes, contacts, bundles), sorted(STRATEGIES))


def test_the_command_writes_the_certificate_beside_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from emulator.cli import main

    emulator.run(network(7, 5, 25, 25), out=tmp_path)
    with pytest.raises(SystemExit) as done:
        main(["bound", str(tmp_path), "--pieces", "300"])
    assert not done.value.code
    assert "gap" in capsys.readouterr().out
    said = read(tmp_path)
    assert said is not None
    assert said["least_delay_s"] <= said["delay_s"]
    page = (tmp_path / "report.html").read_text()
    assert "What could have been" in page
    assert gap_text(said["gap"]) in page
    assert Result.read(tmp_path).bound == said
    emulator.run(network(8, 5, 25, 25), out=tmp_path)  # another run: the bound is not its own
    assert not (tmp_path / FILE).exists()
    assert "What could have been" not in (tmp_path / "report.html").read_text()


def test_compare_sets_each_run_beside_its_bound_if_one_was_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from emulator.cli import main

    def said(*arguments: object) -> str:
        with pytest.raises(SystemExit) as done:
            main([str(argument) for argument in arguments])
        assert not done.value.code
        return capsys.readouterr().out

    folders = [tmp_path / "bounded", tmp_path / "not"]
    for folder in folders:
        emulator.run(network(7, 5, 25, 25), out=folder)
    assert "over the bound" not in said("compare", *folders)
    said("bound", folders[0], "--pieces", "300")
    certificate = read(folders[0])
    assert certificate is not None
    page = tmp_path / "compare.html"
    rows = said("compare", *folders, "--page", page).splitlines()
    told = next(row.split() for row in rows if row.startswith("over the bound"))
    assert told == [*["over", "the", "bound"], *gap_text(certificate["gap"]).split(), "–"]
    assert "over the bound" in page.read_text()
    kept = json.loads(said("compare", *folders, "--json"))
    assert [run["bound"] for run in kept.values()] == [certificate, None]


def test_a_second_contact_is_worth_no_more_than_its_twin_brings() -> None:
    narrow = Contact("r", "b", 0.0, 10.0, 800.0, 0.0)
    contacts = [Contact("a", "r", 0.0, 100.0, 8e6, 0.0), narrow]
    parcels = [parcel(100.0, 0.0, 1.0)] * 25
    before = most_delivered(ContactPlan(contacts), parcels, 50, 1e9)
    after = most_delivered(ContactPlan([*contacts, narrow]), parcels, 50, 1e9)
    (promised,) = before.worth_of_twin.values()
    assert promised == pytest.approx(10.0)
    assert after.value - before.value <= promised + 1e-3
    assert after.value == pytest.approx(20.0, rel=1e-3)


def test_the_contact_chart_is_painted_where_more_would_have_paid(tmp_path: Path) -> None:
    contacts = [
        Contact("a", "r", 0.0, 500.0, 8e6, 0.1),
        Contact("r", "b", 100.0, 200.0, 800.0, 0.1),
    ]
    contacts.append(Contact("r", "b", 400.0, 500.0, 80_000.0, 0.1))
    demands = tuple(
        Demand(created_s=float(n), source="a", destination="b", size_bytes=1000, lifetime_s=900.0)
        for n in range(15)
    )
    members = tuple(Member(name=name, ipn=n) for n, name in enumerate("arb", start=1))
    setup = Setup(
        name="narrow",
        sha256="",
        start=None,
        duration_s=600.0,
        seed=1,
        strategy="sabr",
        plan=ContactPlan(contacts, ipn_numbers={m.name: m.ipn for m in members}),
        members=members,
        demands=demands,
    )
    result = emulator.run(setup)
    said = certify(result, 500).certificate
    best = said["worth"][0]
    assert (best["source"], best["destination"], best["start_s"]) == ("r", "b", 100.0)
    assert said["twins"][0]["node"] in ("r", "b")
    chart = result.figure("contacts").to_plotly_json()
    axis = TimeAxis(1.0, "seconds")
    painted = paint(chart, said, axis)
    added = [t for t in painted["data"] if str(t["name"]).startswith("worth")]
    assert ("b – r", 100.0) in {(y, x) for t in added for x, y in zip(t["x"], t["y"], strict=True)}
    assert paint(chart, None, axis) == chart
