"""A setup goes to other processes and comes back as it was; what was changed on the way is refused."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dtn.bpsec.keys import Key
from dtn.bpsec.policy import SecurityRule
from dtn.contact_plan import Contact, ContactPlan
from dtn.errors import BadInput
from emulator.constellation import setup_file
from emulator.setup import AgentSettings, Demand, Member, Setup, Stream
from nodes.convergence.ltp_options import LtpAuthentication, LtpOptions
from nodes.faults import LinkOutage, NodeOutage

PLAN = ContactPlan(
    [
        Contact("a", "b", 0.0, 10.0, (1e6, 2e6, 1e6), (0.1, 0.2)),
        Contact("b", "a", 0.0, 10.0, 1e6, 1 / 3, confidence=0.5),
    ],
    datetime(2026, 12, 1, tzinfo=UTC),
    {"a": 1, "b": 2},
)
RULE = SecurityRule(
    service=11, key=Key("one", bytes(32)), variant=5, sources=frozenset("a"), destinations=None
)
WHOLE = Setup(
    name="whole",
    sha256="00",
    start=datetime(2026, 12, 1, tzinfo=UTC),
    duration_s=10.0,
    seed=1,
    strategy="sabr",
    plan=PLAN,
    members=(
        Member(name="a", ipn=1),
        Member(
            name="b",
            ipn=2,
            store_bytes=5.0,
            joins_s=1.0,
            agent=AgentSettings(fragment=True, lifetime_override_s=9.5, hop_limit=3, crc_type=1),
        ),
    ),
    streams=(
        Stream(
            flow="f",
            application="file",
            service="10",
            source="a",
            destination="b",
            size_bytes=10,
            chunk_bytes=5,
            period_s=1.0,
            process="poisson",
            lifetime_s=math.inf,
            priority=2,
            first_s=0.1,
            until_s=9.0,
        ),
    ),
    demands=(Demand(created_s=0.1, source="a", destination="b", size_bytes=1, lifetime_s=2.0),),
    outages=(NodeOutage(node="a", at_s=1.0), LinkOutage(between=("a", "b"), at_s=2.0, for_s=1.0)),
    security=(RULE,),
    ltp=LtpOptions(frame_loss=0.1, frame_losses={("a", "b"): 0.2}),
    source="here.toml",
)
BARE = replace(WHOLE, start=None, security=(), ltp=None, outages=(), streams=(), demands=())


@pytest.mark.parametrize("setup", [WHOLE, BARE])
def test_a_setup_is_read_back_as_it_was_written(setup: Setup, tmp_path: Path) -> None:
    setup_file.save(setup, tmp_path / "setup.json")
    assert setup_file.load(tmp_path / "setup.json") == (setup, setup_file.digest(setup))


def test_a_node_gets_only_the_keys_that_it_needs_and_still_has_the_same_digest(
    tmp_path: Path,
) -> None:
    other = replace(
        RULE, key=Key("two", bytes(32)), sources=frozenset("b"), destinations=frozenset("c")
    )
    setup = replace(WHOLE, security=(RULE, other))
    mine = setup_file.for_node(setup, "a")
    assert mine.security == (RULE,)
    setup_file.save(mine, tmp_path / "setup.json")
    assert setup_file.load(tmp_path / "setup.json").sha256 == setup_file.digest(setup)


def test_a_node_gets_of_the_keys_of_ltp_its_own_and_its_neighbours(tmp_path: Path) -> None:
    keys = {name: name.encode() * 16 for name in "abz"}
    ltp = LtpOptions(authentication=LtpAuthentication(suite=0, keys=keys))
    setup = replace(WHOLE, ltp=ltp)
    paths = {name: tmp_path / name for name in "ab"}
    setup_file.save_each(setup, paths)
    for name, path in paths.items():
        given = setup_file.load(path)
        assert given.sha256 == setup_file.digest(setup) == setup_file.digest(given.setup)
        assert given.setup.ltp is not None
        assert given.setup.ltp.authentication is not None
        assert name in given.setup.ltp.authentication.keys
        assert "z" not in given.setup.ltp.authentication.keys


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"duration_s":10.0', '"duration_s":11.0', "was changed"),
        ("lightlag-setup", "something", "is no lightlag-setup"),
        ('"lightlag": "', '"lightlag": "9', "make it anew with the same version"),
        ("\n", "", "is no setup"),
    ],
)
def test_a_setup_that_was_changed_or_is_none_is_refused(
    old: str, new: str, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "setup.json"
    setup_file.save(BARE, path)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(BadInput, match=said):
        setup_file.load(path)


def test_a_setup_that_is_not_there_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        setup_file.load(tmp_path / "setup.json")
