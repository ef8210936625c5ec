"""Commands for authors of strategies: check-strategy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.table import Table

from emulator.cli.options import JsonOption
from emulator.cli.output import plain_table, print_json, stdout


def check_strategy(
    strategy: Annotated[
        str, typer.Argument(metavar="STRATEGY", help="A name, or my_file.py:function.")
    ],
    json: JsonOption = False,
) -> None:
    """Run a strategy over small plans with known answers, and set its arrivals beside the optimum.

    Ends with 1 if it broke a rule of the interface.
    """
    from dtn.routing import load_strategy
    from emulator.check import Answer, check_strategy

    answers: Sequence[Answer] = list(check_strategy(load_strategy(strategy, "check-strategy")))
    verdicts = Counter(answer.verdict for answer in answers)
    if json:
        print_json(
            {
                "strategy": strategy,
                "verdicts": dict(verdicts),
                "answers": [
                    {
                        "case": answer.case,
                        "source": answer.source,
                        "destination": answer.destination,
                        "at_s": answer.at_s,
                        "size_units": answer.size_units,
                        "optimum_s": answer.optimum_s,
                        "arrival_s": answer.arrival_s,
                        "receptions": answer.receptions,
                        "verdict": answer.verdict,
                        "fault": answer.fault,
                    }
                    for answer in answers
                ],
            }
        )
    else:
        stdout().print(_table(answers))
        typer.echo(", ".join(f"{count} {verdict}" for verdict, count in verdicts.most_common()))
    if verdicts["broke a rule"]:
        raise typer.Exit(1)


def _table(answers: Sequence[object]) -> Table:
    from emulator.check import Answer

    columns = ("case", "from", "to", "at", "size", "optimum", "arrival", "late by", "verdict")
    table = plain_table(*columns, words=3)
    for answer in answers:
        assert isinstance(answer, Answer)
        table.add_row(
            answer.case,
            answer.source,
            answer.destination,
            f"{answer.at_s:g}",
            f"{answer.size_units:g}",
            _seconds(answer.optimum_s),
            _seconds(answer.arrival_s),
            _seconds(answer.late_s),
            answer.fault or answer.verdict,
        )
    return table


def _seconds(t_s: float | None) -> str:
    return "-" if t_s is None else f"{t_s:.3f}"
