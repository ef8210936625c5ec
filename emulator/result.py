"""Result: one run with all that can be said about it, in memory or in a folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

import polars as pl
from rich.console import RenderableType

from dtn.contact_plan import ContactPlan
from dtn.errors import BadInput, Fault, InvalidValue
from dtn.events import Event
from emulator.bound.told import FILE as BOUND
from emulator.bound.told import Certificate
from emulator.bound.told import read as read_bound
from emulator.files import replace_text
from emulator.geometry import FILE_NAME as GEOMETRY
from emulator.geometry import Geometry, read_geometry
from emulator.log import FILE_NAME, LogHeader, read_log, write_log
from emulator.reports.breakdown import Journey, journeys
from emulator.reports.bundles import bundle_table
from emulator.reports.decisions import decision_table, decisions, executor_use, job_lives
from emulator.reports.energy import EnergyBooks, energy_books
from emulator.reports.fates import fates
from emulator.reports.history import History, history_of
from emulator.reports.html import report_page
from emulator.reports.ideal import ideal_latencies
from emulator.reports.notebook import summary_html
from emulator.reports.page import figures_in
from emulator.reports.picture import picture
from emulator.reports.summary import Summary, summarise
from emulator.reports.table import summary_view
from emulator.reports.trace import find_bundle, trace_view

if TYPE_CHECKING:
    import plotly.graph_objects as go

SUMMARY, BUNDLES, PLAN, PAGE = "summary.json", "bundles.csv", "contact_plan.json", "report.html"
DECISIONS = "decisions.csv"

_NOTEBOOK = {"template": "plotly_white", "margin": {"l": 12, "r": 12, "t": 40, "b": 44}}
"""What figures need outside the report's page, which brings its own colours."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of a run.

    Args:
        header: what was run.
        plan: the contact plan, as it was planned.
        log: every event, in order.
        history: the events grouped by bundle and link.
        journeys: how each delivered bundle travelled.
        bundles: one row a bundle, see `emulator.reports.bundles.bundle_table`.
        decisions: one row a job, see `emulator.reports.decisions.decision_table`.
        energy: accounts of its nodes' energy, and their charge over time.
        summary: the numbers of summary.json.
        geometry: where its nodes and bodies were; None for a contact plan of the user's.
        bound: what `lightlag bound` found out about it; None if nobody asked.
    """

    header: LogHeader
    plan: ContactPlan
    log: Sequence[Event] = field(repr=False)
    history: History = field(repr=False)
    journeys: dict[str, Journey] = field(repr=False)
    bundles: pl.DataFrame = field(repr=False)
    decisions: pl.DataFrame = field(repr=False)
    energy: EnergyBooks = field(repr=False)
    summary: Summary
    geometry: Geometry | None = field(default=None, repr=False)
    bound: Certificate | None = field(default=None, repr=False)

    @classmethod
    def of(
        cls,
        header: LogHeader,
        log: Sequence[Event],
        plan: ContactPlan,
        *,
        wall_s: float = 0.0,
        command: str = "",
        geometry: Geometry | None = None,
    ) -> Self:
        """Work out everything from the events of a run and its contact plan."""
        history = history_of(log)
        fates_ = fates(history)
        journeys_ = {b: j for b, j in journeys(history, plan).items() if b in fates_}
        ideals = ideal_latencies(history, plan, journeys_)
        table = bundle_table(history, fates_, journeys_, ideals, plan.ipn_numbers)
        energy = energy_books(log)
        lives = job_lives(log)
        decided = decision_table(
            lives, history.sourced, fates_, journeys_, plan.ipn_numbers, history.end_s
        )
        summary = summarise(
            header,
            history,
            plan,
            fates_,
            table,
            decisions(decided),
            executor_use(lives),
            energy,
            wall_s=wall_s,
            command=command,
        )
        return cls(
            header=header,
            plan=plan,
            log=log,
            history=history,
            journeys=journeys_,
            bundles=table,
            decisions=decided,
            energy=energy,
            summary=summary,
            geometry=geometry,
        )

    @cached_property
    def events(self) -> pl.DataFrame:
        """The log as a table, one row an event and a column for each field that any event has."""
        rows = [{"event": type(event).__name__, **event._asdict()} for event in self.log]
        return pl.DataFrame(rows, infer_schema_length=None)

    def write(self, folder: Path) -> None:
        """Write the folder of a run: log, summary, bundles, contact plan, geometry and report page.

        Each file is whole or is not there; files of an earlier run are replaced.
        """
        folder.mkdir(parents=True, exist_ok=True)
        write_log(folder / FILE_NAME, self.header, self.log)
        self.plan.save(folder / PLAN)
        if self.geometry is None:
            (folder / GEOMETRY).unlink(missing_ok=True)
        else:
            replace_text(folder / GEOMETRY, self.geometry.text())
        replace_text(folder / BUNDLES, self.bundles.write_csv())
        if len(self.decisions):
            replace_text(folder / DECISIONS, self.decisions.write_csv())
        else:
            (folder / DECISIONS).unlink(missing_ok=True)
        replace_text(folder / SUMMARY, json.dumps(self.summary, indent=2) + "\n")
        (folder / BOUND).unlink(missing_ok=True)  # of an earlier run
        replace_text(folder / PAGE, self.page())

    def page(self) -> str:
        """The report page, one HTML document that needs nothing else."""
        return report_page(
            self.summary,
            self.plan,
            self.history,
            self.bundles,
            self.decisions,
            self.energy,
            self.geometry,
            self.bound,
        )

    def figure(self, name: str) -> go.Figure:
        """A figure of the report, for a notebook.

        Args:
            name: latency, breakdown, ideal, contacts, links, storage, hops or map.

        Raises:
            InvalidValue: there is none of that name in this run.
        """
        import plotly.graph_objects as go

        known = figures_in(self.page())
        if name not in known:
            raise InvalidValue("name", name, f"use one of: {', '.join(known)}")
        return go.Figure(known[name]).update_layout(_NOTEBOOK)

    def picture(self) -> str:
        """Contacts and latencies as one SVG picture."""
        return picture(self.summary, self.plan, self.history, self.bundles)

    def trace(self, bundle: str) -> RenderableType:
        """One bundle's life, for a rich console; `bundle` as `find_bundle` takes it.

        Raises:
            BadInput: no bundle is called so.
        """
        found = find_bundle(self.history, bundle)
        ideals = self.bundles.filter(pl.col("bundle") == found)["ideal_latency_s"].to_list()
        return trace_view(
            self.history,
            self.plan,
            found,
            self.journeys.get(found),
            ideals[0] if ideals else None,
            self.header.start_utc,
        )

    def __rich__(self) -> RenderableType:
        return summary_view(self.summary)

    def _repr_html_(self) -> str:
        """What a notebook shows: the numbers, then the first bundles."""
        return summary_html(self.summary) + self.bundles.head(5)._repr_html_()

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read a folder that `write` made; everything is worked out again from the log.

        Raises:
            BadInput: no such folder, or files that are cut short or do not belong together.
        """
        log = read_log(folder / FILE_NAME)
        said = _json_object(folder / SUMMARY)
        result = cls.of(
            log.header,
            log.events,
            ContactPlan.load(folder / PLAN),
            wall_s=float(said.get("wall_s", 0.0)),
            command=str(said.get("command", "")),
            geometry=read_geometry(folder / GEOMETRY),
        )
        return replace(result, bound=read_bound(folder))


def read_summary(folder: Path) -> Summary:
    """The summary of a run's folder, as it was written.

    Raises:
        BadInput: no such file, or one that lacks what a summary says.
    """
    path = folder / SUMMARY
    said = _json_object(path)
    missing = sorted(set(Summary.__annotations__) - set(said))
    if missing:
        mend = "is missing; run the scenario again with this version"
        raise BadInput(*(Fault(str(path), key, "", mend) for key in missing))
    return cast("Summary", said)


def read_bundles(folder: Path) -> pl.DataFrame:
    """The bundle table of a run's folder, as it was written.

    Raises:
        BadInput: no such file, or no table of bundles.
    """
    path = folder / BUNDLES
    try:
        table = pl.read_csv(path, infer_schema_length=None)
    except (OSError, pl.exceptions.PolarsError) as fault:
        mend = f"cannot be read ({fault}); give a folder made by lightlag run"
        raise BadInput(Fault(str(path), "", "", mend)) from None
    missing = {"fate", "flow", "latency_s", "ideal_latency_s"} - set(table.columns)
    if missing:
        mend = "is missing; run the scenario again with this version"
        raise BadInput(*(Fault(str(path), key, "", mend) for key in sorted(missing)))
    return table.with_columns(pl.col("latency_s", "ideal_latency_s").cast(pl.Float64))


def _json_object(path: Path) -> dict[str, Any]:
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as fault:
        mend = f"cannot be read ({fault}); give a folder made by lightlag run"
        raise BadInput(Fault(str(path), "", "", mend)) from None
    if not isinstance(said, dict):
        raise BadInput(Fault(str(path), "", "", "is no summary; run the scenario again"))
    return said
