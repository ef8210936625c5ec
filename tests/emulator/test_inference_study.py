"""A study of placements: one policy a run, kept and read back."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from emulator.sweep import study as studies
from emulator.sweep.sweep import sweep

SCENARIO = """\
format = 1
name = "two"
start = 2026-12-01T00:00:00Z
duration = "6h"

[[nodes]]
name = "home"
ipn = 1
role = "gateway"
computing = { operations_per_joule = 1e9, power_w = 1000 }

[[nodes]]
name = "craft"
ipn = 2
role = "satellite"
terminals = []
orbit = { lagrange = { bodies = ["sun", "earth"], point = 1 } }
computing = { operations_per_joule = 1e9, power_w = 1 }

[[links]]
between = ["home", "craft"]
rate_bps = 1e6
owlt_s = 60.0

[[traffic]]
name = "watch"
application = "inference"
from = "craft"
to = "home"
size = "10 kB"
period = "10min"
process = "poisson"
lifetime = "1h"
[traffic.job]
operations = 1e9
output = "100 B"
deadline = "100s"
"""

STUDY = """\
format = 1
name = "where"
scenario = "two.toml"
strategies = ["direct"]
seeds = 2

[parameters]
"traffic.watch.job.placement" = ["onboard", "earth"]
"""


def test_a_study_compares_placements_over_the_same_events(tmp_path: Path) -> None:
    (tmp_path / "two.toml").write_text(SCENARIO)
    (tmp_path / "where.toml").write_text(STUDY)
    study = studies.load(tmp_path / "where.toml")
    first = sweep(study, tmp_path / "out")
    assert not first.failed
    onboard, earth = (first.results.filter(variant=n) for n in (0, 1))
    assert onboard["decision_p50_s"].to_list() == pytest.approx([1.0, 1.0])
    assert earth["decision_p50_s"].to_list() == pytest.approx([120.08, 120.08], abs=0.01)
    assert (onboard["missed_ratio"].sum(), earth["missed_ratio"].min()) == (0.0, 1.0)
    assert (earth["home_bytes"] > 50 * onboard["home_bytes"]).all()
    again = sweep(study, tmp_path / "out")
    assert again.results.equals(first.results)
    assert "decision latency, median" in (tmp_path / "out" / "report.html").read_text()
    assert pl.read_parquet(tmp_path / "out" / "results.parquet").equals(first.results)
