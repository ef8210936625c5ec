"""The example notebooks do what they say, and show what a Result offers; no output is stored in them."""

from __future__ import annotations

import json
import sys

import polars as pl
import pytest
from pages import ROOT

sys.path.append(str(ROOT / "docs"))
import example_notebooks

NAMES = example_notebooks.names()


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_stored_without_outputs(name: str) -> None:
    document = json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))
    assert document["nbformat"] == 4
    for cell in document["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs_from_top_to_bottom_and_shows_tables_and_figures(name: str) -> None:
    import plotly.graph_objects as go

    shown = list(example_notebooks.execute(name))
    values = [cell.value for cell in shown if cell.kind == "code"]
    assert any(isinstance(value, go.Figure) and value.data for value in values)
    assert any(isinstance(value, pl.DataFrame) and len(value) for value in values)


def test_there_are_three_notebooks() -> None:
    assert NAMES == ["compare-strategies", "first-run", "one-relay-more"]
