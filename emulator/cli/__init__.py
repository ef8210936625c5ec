"""The command line: `lightlag`.

Results go to stdout, everything else to stderr; `--json` prints one JSON document and nothing else.
What the user gave and cannot be used ends the command with exit code 2 and one line per fault:
file, key, value, mend.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import typer

from dtn.errors import BadInput, FramesLate, FunctionFault, StrategyFault
from emulator.cli import (
    bound_command,
    check_command,
    constellation_commands,
    dashboard_command,
    doctor_command,
    operator_commands,
    plan_command,
    result_commands,
    route_commands,
    run_commands,
    scenario_commands,
    sky_commands,
    socket_node_command,
    sweep_command,
)
from emulator.cli.output import print_faults
from emulator.doubts import doubts_as_lines

app = typer.Typer(
    name="lightlag",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

EXAMPLES = (
    (run_commands.run, "lightlag run scenarios/moonbase-alpha.toml --out runs/moonbase-alpha"),
    (result_commands.report, "lightlag report runs/moonbase-alpha"),
    (result_commands.compare, "lightlag compare runs/sabr runs/epidemic"),
    (bound_command.bound, "lightlag bound runs/sabr runs/epidemic"),
    (sweep_command.sweep, "lightlag sweep scenarios/studies/all-strategies.toml"),
    (result_commands.trace, "lightlag trace runs/moonbase-alpha ipn:200.10/849398700000/0"),
    (result_commands.assert_, "lightlag assert runs/moonbase-alpha 'delivered >= 99 %'"),
    (
        dashboard_command.dashboard,
        "lightlag dashboard scenarios/moonbase-alpha.toml --rate 3600",
    ),
    (plan_command.plan, "lightlag plan scenarios/moonbase-alpha.toml -o contact_plan.json"),
    (
        route_commands.route,
        "lightlag route contact_plan.json teide mars-orbiter --at 3600 --size 20000 --explain",
    ),
    (check_command.check_strategy, "lightlag check-strategy my_file.py:function"),
    (sky_commands.windows, "lightlag windows scenarios/moonbase-alpha.toml teide moonbase-alpha"),
    (
        sky_commands.light_time,
        "lightlag light-time scenarios/moonbase-alpha.toml teide mars-orbiter"
        " --at 2026-12-02T00:00:00Z",
    ),
    (sky_commands.launch, "lightlag launch scenarios/moonbase-alpha.toml"),
    (scenario_commands.new, "lightlag new my-network.toml"),
    (scenario_commands.validate, "lightlag validate scenarios/moonbase-alpha.toml"),
    (scenario_commands.schema, "lightlag schema > scenario.schema.json"),
    (
        constellation_commands.compose,
        "lightlag compose scenarios/moonbase-alpha.toml -o docker-compose.yml",
    ),
    (constellation_commands.setup, "lightlag setup scenarios/earth-moon.toml -o setup.json"),
    (
        constellation_commands.node,
        "lightlag node teide --setup teide.json --broker mqtt://localhost --folder stores/teide",
    ),
    (
        constellation_commands.collect,
        "lightlag collect --setup setup.json --broker mqtt://localhost --rate 60 --out runs/alpha",
    ),
    (
        operator_commands.ping,
        "lightlag ping ipn:2.7 --from teide --broker mqtt://localhost --run earth-moon",
    ),
    (
        operator_commands.send,
        "lightlag send photo.jpg ipn:2.42 --from teide --broker mqtt://localhost --run earth-moon",
    ),
    (
        operator_commands.recv,
        "lightlag recv base 42 --broker mqtt://localhost --run earth-moon -o photo.jpg",
    ),
    (
        operator_commands.control,
        "lightlag control rate 120 --broker mqtt://localhost --run earth-moon",
    ),
    (socket_node_command.socket_node, "lightlag socket-node node.toml"),
    (doctor_command.doctor, "lightlag doctor"),
)
"""Every command with the example that its help shows; its second word is the command's name."""


def _reflowed(text: str) -> str:
    """Paragraphs as one line each: the terminal's width, not the source's, breaks them."""
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


for command, example in EXAMPLES:
    said = _reflowed(command.__doc__ or "")
    app.command(example.split()[1], help=said, epilog=f"Example: {example}")(command)


@app.callback()
def _lightlag() -> None:
    """Emulate delay-tolerant interplanetary laser networks, and explain every second of latency.

    Begin with `lightlag run scenarios/moonbase-alpha.toml --out runs/alpha`.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; always ends in SystemExit: 0 done, 1 failed, 2 unusable input.

    A process that was started for a command (no `arguments`) and has done it ends at once: to take a large result
    apart object by object, of which millions are left, takes seconds.
    """
    left: list[object] = []
    try:
        with doubts_as_lines():
            app(args=None if arguments is None else list(arguments), prog_name="lightlag", obj=left)
    except SystemExit as end:
        if arguments is None and left and not end.code:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)
        raise
    except BadInput as bad:
        print_faults(bad)
        sys.exit(2)
    except (StrategyFault, FunctionFault, FramesLate) as fault:
        print(f"lightlag: {fault}", file=sys.stderr)
        sys.exit(1)
