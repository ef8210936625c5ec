"""Traffic processes of a scenario: what each sources, and what is refused."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

import emulator
from dtn.contact_plan import Contact, ContactPlan
from dtn.errors import BadInput
from emulator.scenario import load
from emulator.setup import bundle_list, over

NODES = """\
format = 1
name = "two"
start = 2026-12-01T00:00:00Z
duration = "1d"

[[nodes]]
name = "ground"
ipn = 1
role = "gateway"

[[nodes]]
name = "craft"
ipn = 2
role = "gateway"

[[links]]
between = ["ground", "craft"]
rate_bps = 8e5
owlt_s = 2.0
"""

FLOW = """
[[traffic]]
name = "{name}"
application = "{application}"
from = "craft"
to = "ground"
size = "1 kB"
period = "1min"
lifetime = "1h"
{more}
"""

DAY_S = 86400.0
PLAN = ContactPlan(
    [
        Contact("ground", "craft", 0.0, DAY_S, 8e5, 2.0),
        Contact("craft", "ground", 0.0, DAY_S, 8e5, 2.0),
    ]
)


def flow(application: str = "telemetry", more: str = "", name: str = "flow") -> str:
    return FLOW.format(name=name, application=application, more=more)


def fly(tmp_path: Path, text: str, **options: int) -> emulator.Result:
    file = tmp_path / "two.toml"
    file.write_text(NODES + text)
    return emulator.run(over(load(file), PLAN), **options)


def test_an_on_off_flow_is_periodic_in_spells_and_silent_between(tmp_path: Path) -> None:
    result = fly(tmp_path, flow(more='process = "on-off"\non = "10min"\noff = "1h"'))
    gaps = result.bundles["sourced_s"].diff().drop_nulls()
    assert gaps.min() == pytest.approx(60.0)
    within = gaps.filter((gaps - 60.0).abs() < 1e-6)
    assert 0.5 < len(within) / len(gaps) < 0.98  # ten a spell on average
    assert (gaps.max() or 0) > 1800


def test_equal_seeds_draw_equal_bursts_and_others_other_ones(tmp_path: Path) -> None:
    bursts = flow(more='process = "on-off"\non = "10min"\noff = "1h"')
    first, again, other = (fly(tmp_path, bursts, seed=seed) for seed in (1, 1, 2))
    assert first.log == again.log
    assert first.log != other.log


def test_a_request_is_answered_with_its_response_after_thinking(tmp_path: Path) -> None:
    result = fly(tmp_path, flow("request", 'response = "20 kB"\nthink = "10s"\nuntil = "3min"'))
    requests = result.bundles.filter(pl.col("flow") == "flow")
    responses = result.bundles.filter(pl.col("flow") == "flow-response")
    assert len(requests) == len(responses) == 3
    assert set(responses["payload_bytes"]) == {20_000}
    assert set(responses["source"]) == {"ground"}
    came_s = requests["sourced_s"] + requests["latency_s"]
    assert (responses["sourced_s"] - came_s).to_list() == pytest.approx([10.0] * 3)
    assert set(responses["fate"]) == {"delivered"}


def test_recorded_bundles_are_sourced_as_the_list_says(tmp_path: Path) -> None:
    (tmp_path / "bundles.csv").write_text(
        "created_s,from,to,size_bytes,lifetime_s,priority,flow\n"
        "5,ground,craft,700,60,2,command\n"
        "0.5,craft,ground,1000,3600,,\n"
    )
    replay = '\n[[replay]]\nname = "recorded"\nfile = "bundles.csv"\nfirst = "1h"\n'
    result = fly(tmp_path, flow(name="other", more='until = "0s"') + replay)
    columns = ["sourced_s", "source", "payload_bytes", "priority", "flow", "fate"]
    assert result.bundles.select(columns).rows() == [
        (3600.5, "craft", 1000, 1, "recorded", "delivered"),
        (3605.0, "ground", 700, 2, "command", "delivered"),
    ]


def test_expedited_bundles_overtake_bulk_in_a_congested_link(tmp_path: Path) -> None:
    bulk = 'chunk = "100 kB"\nuntil = "1min"\npriority = "bulk"'
    file = flow("file", bulk, "file").replace('"1 kB"', '"10 MB"')  # 100 s of airtime
    urgent = flow(more='first = "10s"\nuntil = "11s"\npriority = "expedited"', name="urgent")
    table = fly(tmp_path, file + urgent).bundles
    urgent_s = table.filter(pl.col("flow") == "urgent")["latency_s"][0]
    assert urgent_s < 2.0 + 2 * 1.01  # light, and at most the chunk that is being sent
    assert table.filter(pl.col("flow") == "file")["queue_s"].max() > 90  # type: ignore[operator]


@pytest.mark.parametrize(
    ("application", "more", "mend"),
    [
        ("telemetry", 'process = "on-off"\non = "1h"', "needs on and off"),
        ("telemetry", 'on = "1h"\noff = "1h"', 'are for process = "on-off"'),
        ("request", "", "needs response"),
        ("telemetry", 'chunk = "1 kB"', 'chunk is for application = "file"'),
        ("file", 'chunk = "5 GB"', "4 GB at most"),
        ("request", 'response = "5 TB"', "4 GB at most"),
        ("telemetry", 'think = "1s"', 'for application = "request"'),
        ("telemetry", 'process = "replay"', "use one of"),
    ],
)
def test_keys_that_do_not_go_together_are_refused(
    tmp_path: Path, application: str, more: str, mend: str
) -> None:
    file = tmp_path / "two.toml"
    file.write_text(NODES + flow(application, more))
    with pytest.raises(BadInput, match=mend) as caught:
        load(file)
    assert caught.value.faults[0].key.startswith('traffic[0] "flow"')


def test_a_bundle_list_with_a_node_that_is_not_there_names_its_line(tmp_path: Path) -> None:
    (tmp_path / "bundles.csv").write_text(
        "created_s,from,to,size_bytes,lifetime_s\n5,grond,craft,700,60\n"
    )
    file = tmp_path / "two.toml"
    file.write_text(NODES + '\n[[replay]]\nname = "recorded"\nfile = "bundles.csv"\n')
    with pytest.raises(BadInput, match=r'line 2, from = grond.*did you mean "ground"'):
        over(load(file), PLAN)


def test_a_bundle_list_with_a_column_twice_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "bundles.csv"
    file.write_text("created_s,from,to,size_bytes,lifetime_s,from\n5,ground,craft,700,60,craft\n")
    with pytest.raises(BadInput, match=r"line 1 = from: .*twice"):
        bundle_list.load(file, ["ground", "craft"])


def test_flows_and_replays_have_names_of_their_own(tmp_path: Path) -> None:
    file = tmp_path / "two.toml"
    file.write_text(NODES + flow() + '\n[[replay]]\nname = "flow"\nfile = "bundles.csv"\n')
    with pytest.raises(BadInput, match="taken by traffic"):
        load(file)
