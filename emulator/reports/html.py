"""The report page (the frame; its figures follow)."""

from __future__ import annotations

from html import escape

import polars as pl

from dtn.contact_plan import ContactPlan
from emulator.reports.history import History
from emulator.reports.summary import Summary


def report_page(
    summary: Summary, plan: ContactPlan, history: History, bundles: pl.DataFrame
) -> str:
    """The page."""
    return f"<!doctype html><title>{escape(summary['scenario'])}</title>"
