"""A progress bar on stderr that names the emulated date; silent where nobody watches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from emulator.cli.output import stderr
from emulator.one_process import Progress as Tell

STAGES = {
    "windows": "looking who sees whom",
    "sessions": "pointing terminals",
    "run": "running",
    "report": "writing the report",
}


@contextmanager
def progress(
    start: datetime | None, duration_s: float, until_s: float | None = None
) -> Iterator[Tell]:
    """A bar for the time of a `with` block, and the function that moves it.

    Args:
        start: what emulated seconds count from, to name the date; None: days are counted.
        duration_s: how long the scenario lasts.
        until_s: when the run stops, if before.
    """
    lasts_s = {"sessions": duration_s, "run": min(duration_s, until_s or duration_s)}
    console = stderr()
    bar = Progress(
        TextColumn("{task.description:<22}"),
        BarColumn(),
        TextColumn("{task.fields[date]}"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bar:
        task = bar.add_task("", total=1.0, date="")
        stage = ""

        def tell(what: str, part: float) -> None:
            nonlocal stage
            if what != stage:
                stage = what
                bar.reset(task, total=1.0, description=STAGES.get(what, what), date="")
            date = _date(start, part * lasts_s[what]) if what in lasts_s else ""
            bar.update(task, completed=part, date=date)

        yield tell


def _date(start: datetime | None, t_s: float) -> str:
    if start is None:
        return f"day {t_s / 86400:.2f}"
    return f"{start + timedelta(seconds=t_s):%Y-%m-%d %H:%M}"
