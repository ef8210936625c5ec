"""The command line as a user meets it: every command, its help, its JSON, and its answer to bad input."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from dtn.contact_plan import Contact, ContactPlan
from emulator.cli import EXAMPLES, app, main

SCENARIOS = Path(__file__).parents[2] / "scenarios"
EARTH_MOON = str(SCENARIOS / "earth-moon.toml")
MOONBASE = str(SCENARIOS / "moonbase-alpha.toml")

PLAN = ContactPlan(
    [
        Contact("a", "b", 0.0, 100.0, 8e3, 1.0),
        Contact("b", "c", 50.0, 200.0, 8e3, 2.0),
        Contact("a", "c", 150.0, 200.0, 8e3, 0.5),
        Contact("c", "b", 0.0, 200.0, 8e3, 2.0),
    ],
    ipn_numbers={"a": 1, "b": 2, "c": 3},
)
TRAFFIC = "created_s,from,to,size_bytes,lifetime_s\n0,a,c,1000,500\n10,c,b,500,500\n"

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def lightlag(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command line; returns exit code, stdout, stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        code = ended.value.code
        return (code if isinstance(code, int) else int(code is not None)), said.out, said.err

    return run


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with plan.json and traffic.csv."""
    PLAN.save(tmp_path / "plan.json")
    (tmp_path / "traffic.csv").write_text(TRAFFIC)
    return tmp_path


@pytest.fixture(scope="module")
def flown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of half a day of the smallest scenario."""
    folder = tmp_path_factory.mktemp("runs") / "earth-moon"
    with pytest.raises(SystemExit):
        main(["run", EARTH_MOON, "--until", "12h", "--out", str(folder)])
    return folder


def plain(text: str) -> str:
    """Without colours, boxes and line breaks."""
    return " ".join(re.sub(r"\x1b\[[0-9;]*m|[│╭╮╰╯─]", " ", text).split())


@pytest.mark.parametrize("example", [example for _, example in EXAMPLES])
def test_every_command_shows_an_example_in_its_help(lightlag: Run, example: str) -> None:
    code, out, _ = lightlag(example.split()[1], "--help")
    assert code == 0
    assert f"Example: {example}" in plain(out)


def test_without_arguments_it_shows_its_commands(lightlag: Run) -> None:
    _, out, err = lightlag()
    assert all(example.split()[1] in out + err for _, example in EXAMPLES)


def test_run_writes_the_folder_and_prints_the_table(lightlag: Run, tmp_path: Path) -> None:
    code, out, _ = lightlag("run", EARTH_MOON, "--until", "6h", "--out", tmp_path / "new" / "run")
    assert code == 0
    assert "telemetry" in out
    written = {path.name for path in (tmp_path / "new" / "run").iterdir()}
    assert written == {
        "events.jsonl",
        "summary.json",
        "bundles.csv",
        "contact_plan.json",
        "geometry.json",
        "report.html",
    }


def test_run_twice_gives_the_same_octets_and_another_seed_differs(
    lightlag: Run, files: Path
) -> None:
    scenario = files / "random.toml"
    text = (
        Path(EARTH_MOON)
        .read_text()
        .replace('period = "5min"', 'period = "5min"\nprocess = "poisson"')
    )
    scenario.write_text(text)
    for name, seed in (("one", 1), ("two", 1), ("three", 2)):
        lightlag("run", scenario, "--until", "4h", "--seed", seed, "--out", files / name)
    one, two, three = (
        (files / name / "events.jsonl").read_bytes() for name in ("one", "two", "three")
    )
    assert one == two
    assert one != three


def test_the_command_that_a_run_names_runs_it_again(lightlag: Run, tmp_path: Path) -> None:
    said = (
        "--seed",
        3,
        "--until",
        "6h",
        "--strategy",
        "direct",
        "--sky-at",
        "2027-03-01T12:00:00Z",
    )
    logs = []
    words: list[object] = ["run", EARTH_MOON, *said, "--out", tmp_path / "run", "--json"]
    for _ in range(2):
        code, out, _ = lightlag(*words)
        assert code == 0
        logs.append((tmp_path / "run" / "events.jsonl").read_bytes())
        (tmp_path / "run" / "events.jsonl").unlink()
        words = [*shlex.split(json.loads(out)["command"])[1:], "--json"]
    assert b"2027-03-01T12:00:00" in logs[0]
    assert logs[0] == logs[1]


def test_every_sourced_bundle_has_exactly_one_fate(lightlag: Run) -> None:
    _, out, _ = lightlag("run", EARTH_MOON, "--until", "2d", "--json")
    counts = json.loads(out)["bundles"]
    assert counts["sourced"] == 2 * 288
    assert counts["sourced"] == sum(n for fate, n in counts.items() if fate != "sourced")


def test_run_over_a_plan_and_a_bundle_list(lightlag: Run, files: Path) -> None:
    code, out, _ = lightlag(
        "run", "--plan", files / "plan.json", "--traffic", files / "traffic.csv", "--json"
    )
    assert code == 0
    summary = json.loads(out)
    assert summary["bundles"]["delivered"] == 2
    # 1000 payload bytes and their headers: a second each hop and a bit, b opens at 50, light 2 s
    slowest = summary["latency_s"]["max"]
    assert 53.0 < slowest < 53.2


JSON_COMMANDS: list[tuple[str, ...]] = [
    ("run", EARTH_MOON, "--until", "1h", "--json"),
    ("validate", EARTH_MOON, "--json"),
    ("windows", EARTH_MOON, "teide", "relay", "--json"),
    ("light-time", EARTH_MOON, "teide", "base", "--at", "2026-12-02T00:00:00Z", "--json"),
    ("route", "plan.json", "a", "c", "--at", "0", "--size", "1000", "--explain", "--json"),
    ("route", "plan.json", "a", "c", "--size", "1000", "--strategy", "direct", "--json"),
    ("route", "plan.json", "b", "a", "--size", "1000", "--json"),
    ("plan", EARTH_MOON, "--format", "json"),
    ("schema",),
    ("doctor", "--json"),
    ("plan", EARTH_MOON, "--json"),
    ("schema", "--json"),
    ("launch", EARTH_MOON, "--json"),
    ("new", "new.toml", "--json"),
    ("setup", EARTH_MOON, "--until", "1h", "-o", "setup.json", "--json"),
    ("check-strategy", "direct", "--json"),
]
"""Commands that need nothing but files; those on a run's folder or a constellation have their own tests."""


@pytest.mark.parametrize("arguments", JSON_COMMANDS, ids=lambda arguments: arguments[0])
def test_json_output_is_one_document_and_nothing_else(
    lightlag: Run, files: Path, arguments: tuple[str, ...]
) -> None:
    placed = [
        files / word if word.endswith(("n.json", "p.json", "w.toml")) else word
        for word in arguments
    ]
    code, out, _ = lightlag(*placed)
    assert code == 0
    assert json.loads(out, parse_constant=_no_constant) is not None


def test_what_a_strategy_prints_is_no_part_of_the_json(lightlag: Run, files: Path) -> None:
    strategy = files / "prints.py"
    strategy.write_text(
        "from dtn.routing import Hold\nprint('imported')\n"
        "def prints(view, bundle):\n    print('asked')\n    return Hold()\n"
    )
    code, out, err = lightlag("check-strategy", f"{strategy}:prints", "--json")
    assert (code, len(json.loads(out)["answers"]) > 50) == (0, True)
    assert {"imported", "asked"} <= set(err.splitlines())


def test_every_command_takes_json_but_the_one_that_prints_nothing() -> None:
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    without = [
        name
        for name, command in group.commands.items()
        if not any("--json" in parameter.opts for parameter in command.params)
    ]
    assert set(without) <= {"node", "socket-node"}


def test_tables_fit_a_terminal_of_80_columns(
    lightlag: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("emulator.cli.output.WIDE", 80)
    for arguments in (
        ("run", EARTH_MOON, "--until", "1d"),
        ("windows", EARTH_MOON, "teide", "relay"),
        ("light-time", EARTH_MOON, "teide", "base", "--at", "2026-12-02T00:00:00Z"),
        ("launch", MOONBASE),
        ("plan", EARTH_MOON),
        ("doctor",),
        ("check-strategy", "direct"),
    ):
        code, out, _ = lightlag(*arguments)
        assert code == 0
        assert max(map(len, out.splitlines())) <= 80, arguments
        assert "…" not in out, arguments


def test_the_shell_completes_commands_and_options() -> None:
    for typed, completed in (("lightlag comp", "compare"), ("lightlag run --str", "--strategy")):
        words = typed.split()
        asked = {
            **os.environ,
            "_LIGHTLAG_COMPLETE": "complete_bash",
            "COMP_WORDS": typed,
            "COMP_CWORD": str(len(words) - 1),
        }
        program = [sys.executable, "-c", "from emulator.cli import main; main()"]
        done = subprocess.run(program, env=asked, capture_output=True, text=True, check=False)
        assert completed in done.stdout.split()


def _no_constant(name: str) -> Any:
    raise AssertionError(f"{name} is not JSON")


def test_compare_sets_runs_side_by_side_and_report_draws_a_picture(
    lightlag: Run, flown: Path, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    shutil.copy(flown / "summary.json", tmp_path / "other")
    code, out, _ = lightlag("compare", flown, tmp_path / "other")
    assert code == 0
    line = next(line for line in out.splitlines() if line.startswith("scenario"))
    assert line.split() == ["scenario", "earth-moon", "earth-moon"]
    code, out, _ = lightlag("compare", flown, "--json")
    assert json.loads(out)[str(flown)]["scenario"] == "earth-moon"
    code, _, _ = lightlag("report", flown, "--picture", tmp_path / "run.svg")
    assert code == 0
    assert (tmp_path / "run.svg").read_text().startswith("<svg")


def test_report_and_trace_read_the_folder_of_a_run(lightlag: Run, flown: Path) -> None:
    code, out, _ = lightlag("report", flown, "--json")
    assert code == 0
    assert json.loads(out)["scenario"] == "earth-moon"
    bundle = (flown / "bundles.csv").read_text().splitlines()[1].split(",")[0]
    code, out, _ = lightlag("trace", flown, bundle)
    assert code == 0
    assert bundle in out
    code, out, _ = lightlag("trace", flown, bundle, "--json")
    assert json.loads(out)["steps"][0]["t_s"] == json.loads(out)["row"]["sourced_s"]


def test_light_time_knows_the_way_to_the_moon(lightlag: Run) -> None:
    _, out, _ = lightlag(
        "light-time", EARTH_MOON, "earth", "moon", "--at", "2027-06-05T18:40:00Z", "--json"
    )
    (row,) = json.loads(out)
    # SPICE, the same kernel, Newtonian: see tests/topology for the others
    assert row["transmit_s"] == pytest.approx(1.208348427, abs=1e-6)
    assert row["receive_s"] == pytest.approx(1.208404508, abs=1e-6)
    assert row["geometric_s"] == pytest.approx(1.208376461, abs=1e-6)


def test_route_takes_the_earliest_arrival(lightlag: Run, files: Path) -> None:
    _, out, _ = lightlag("route", files / "plan.json", "a", "c", "--size", 1000, "--json")
    route = json.loads(out)["route"]
    assert route["hops"] == 2
    assert route["delivery_s"] == pytest.approx(53.0)


def test_windows_are_disjoint_and_in_order(lightlag: Run) -> None:
    _, out, _ = lightlag("windows", EARTH_MOON, "teide", "relay", "--json")
    edges = [edge for window in json.loads(out) for edge in window]
    assert len(edges) > 4
    assert edges == sorted(edges)


def test_new_writes_a_scenario_that_is_valid_and_never_overwrites_one(
    lightlag: Run, tmp_path: Path
) -> None:
    path = tmp_path / "mine.toml"
    assert lightlag("new", path)[0] == 0
    assert lightlag("validate", path)[0] == 0
    path.write_text("precious")
    code, _, err = lightlag("new", path)
    assert code == 2
    assert "--force" in err
    assert path.read_text() == "precious"


def bad_scenario(old: str, new: str) -> Callable[[Path], str]:
    def write(folder: Path) -> str:
        text = Path(EARTH_MOON).read_text()
        assert old in text
        path = folder / "bad.toml"
        path.write_text(text.replace(old, new, 1))
        return str(path)

    return write


def backwards_contact(folder: Path) -> str:
    path = folder / "bad.json"
    document = json.loads((folder / "plan.json").read_text())
    document["contacts"][0]["end_s"] = -5.0
    path.write_text(json.dumps(document))
    return str(path)


def half_a_plan(folder: Path) -> str:
    text = (folder / "plan.json").read_text()
    path = folder / "half.json"
    path.write_text(text[: len(text) // 2])
    return str(path)


def bad_traffic(folder: Path) -> str:
    path = folder / "bad.csv"
    path.write_text(TRAFFIC.replace("a,c,1000", "a,x,1000"))
    return str(path)


# the command with {bad} where the file goes, how the file is made, what the message must say
BAD: list[tuple[str, Callable[[Path], str], tuple[str, ...]]] = [
    ("validate {bad}", bad_scenario('"7d"', '"7 days"'), ("duration", "7 days", "d, such as")),
    (
        "validate {bad}",
        bad_scenario("height_m = 2390 }", 'height_m = 2390 }\nhorizon_mask = "no.csv"'),
        ("no.csv", "no such file"),
    ),
    (
        "validate {bad}",
        bad_scenario("[753.226, 92.739, 2336.889]", "[75.0, 9.0, 233.0]"),
        ('"relay".orbit.position_km', "below the surface"),
    ),
    (
        "validate {bad}",
        bad_scenario("[[traffic]]", '[[replay]]\nname = "r"\nfile = "no.csv"\n[[traffic]]'),
        ("no.csv", "no such file"),
    ),
    (
        "validate {bad}",
        bad_scenario(
            "[[traffic]]",
            '[[faults]]\nstorm = "relay"\nfactor = 9\nat = "1h"\nfor = "1h"\n[[traffic]]',
        ),
        ("faults[0].storm", "relay", "hits nobody"),
    ),
    (
        "run {bad}",
        bad_scenario("height_m", "height_km"),
        ("site.height_km", "2390", "write height_m"),
    ),
    ("run {bad}", bad_scenario("duration", "duratoin"), ("duratoin", "7d", "duration")),
    ("plan {bad}", bad_scenario("28.30", "91"), ('"teide".site.latitude_deg', "91", "90 or less")),
    ("run {bad}", bad_scenario('name = "relay"', 'name = "teide"'), ('"teide".name', "taken")),
    (
        "run {bad}",
        bad_scenario("2026-12-01T00:00:00Z\nd", "2040-01-01T00:00:00Z\nd"),
        ("start", "2040", "2037"),
    ),
    (
        "run {bad}",
        bad_scenario("ipn = 3", 'ipn = 3\nterminals = ["trunck"]'),
        ("terminals[0]", "trunck", "trunk"),
    ),
    (
        "run {bad}",
        bad_scenario("[753.226, 92.739, 2336.889]", "[75.0, 9.0, 233.0]"),
        ('"relay".orbit.position_km', "75.0", "below the surface"),
    ),
    (
        "validate {bad}",
        bad_scenario('duration = "7d"', 'duration = "7d"\nrouting = { strategy = "sabre" }'),
        ("strategy", "sabre", "choose one of"),
    ),
    ("windows {bad} teide teide", lambda folder: EARTH_MOON, ('B = "teide"', "name two")),
    (
        "light-time {bad} base base --at 2026-12-05T00:00:00Z",
        lambda folder: EARTH_MOON,
        ('B = "base"', "name two"),
    ),
    ("windows {bad} teide bsae", lambda folder: EARTH_MOON, ("bsae", "base")),
    (
        "light-time {bad} teide base --at tomorrow",
        lambda folder: EARTH_MOON,
        ("--at", "tomorrow", "UTC"),
    ),
    ("run {bad} --until 3x", lambda folder: EARTH_MOON, ("--until", "3x", "unit")),
    ("run {bad} --strict", lambda folder: EARTH_MOON, ("--strict", "--processes")),
    (
        "run {bad} --processes --rate 60 --capture links.pcap",
        lambda folder: EARTH_MOON,
        ("--capture", "links.pcap", "without --processes"),
    ),
    (
        "run --plan {plan} --traffic {bad} --sky-at 2027-01-01T00:00:00Z",
        lambda folder: str(folder / "traffic.csv"),
        ("--sky-at", "2027", "SCENARIO"),
    ),
    ("run {bad} --rate fast", lambda folder: EARTH_MOON, ("--rate", "fast", "max")),
    ("run {bad} --strategy nothing.py:f", lambda folder: EARTH_MOON, ("strategy", "nothing.py")),
    ("plan {bad} --format xml", lambda folder: EARTH_MOON, ("--format", "xml", "json")),
    ("run --plan {bad}", lambda folder: str(folder / "plan.json"), ("--traffic",)),
    ("run --plan {plan} --traffic {bad}", bad_traffic, ("line 2, to", "x", "no such node")),
    ("route {bad} a c", backwards_contact, ("end_s", "-5", "after")),
    ("route {bad} a c", half_a_plan, ("cut off",)),
    ("route {bad} a a", lambda folder: str(folder / "plan.json"), ('B = "a"', "another node")),
    ("route {bad} a c --at nan", lambda folder: str(folder / "plan.json"), ("--at", "nan")),
    ("route {bad} a z", lambda folder: str(folder / "plan.json"), ('"z"', "a, b, c")),
    (
        "route {bad} a c --size 0",
        lambda folder: str(folder / "plan.json"),
        ("--size", "more than 0"),
    ),
    *(
        (f"{command} {place}", lambda folder: EARTH_MOON, (place, "cannot be written"))
        for command in (
            "plan {bad} --format access -o",
            "plan {bad} --format csv -o",
            "run {bad} --until 1h --capture",
            "setup {bad} -o",
        )
        for place in ("nowhere/at/all", "/")
    ),
    ("compare {bad}", lambda folder: str(folder), ("summary.json", "lightlag run")),
    ("report {bad}", lambda folder: str(folder), ("events.jsonl", "lightlag run")),
]


@pytest.mark.parametrize(
    ("command", "make", "says"), BAD, ids=[f"{n}: {row[0]}" for n, row in enumerate(BAD)]
)
def test_bad_input_gives_one_line_with_the_mend_and_exit_code_2(
    lightlag: Run, files: Path, command: str, make: Callable[[Path], str], says: tuple[str, ...]
) -> None:
    bad = make(files)
    words = [word.format(bad=bad, plan=files / "plan.json") for word in command.split()]
    code, out, err = lightlag(*words)
    assert code == 2
    assert out == ""
    (line,) = err.splitlines()
    assert "Traceback" not in line
    for words_ in says:
        assert words_ in line


@pytest.mark.parametrize("command", ["run", "sweep", "dashboard"])
def test_no_folder_is_not_the_one_that_one_is_in(
    lightlag: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = lightlag(command, EARTH_MOON, "--out", "")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "--out: name a folder" in err
    assert not list(tmp_path.iterdir())


def test_the_console_script_ends_with_2_and_one_line_on_bad_input(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from emulator.cli import main; main()"]
    done = subprocess.run(
        [*command, "run", str(tmp_path / "no.toml")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == f"{tmp_path / 'no.toml'}: there is no such file: check its name\n"


MY_STRATEGY = """\
from dtn.routing import Hold, Send, strategy

@strategy("my_hops")
def my_hops(view, bundle):
    routes = view.routes(bundle, k=4)
    best = min(routes, key=lambda route: (route.hops, route.delivery_s), default=None)
    return Send(best) if best else Hold()

def broken(view, bundle):
    raise ValueError("no idea")
"""


def test_a_strategy_in_a_file_of_the_users_runs(lightlag: Run, files: Path) -> None:
    (files / "mine.py").write_text(MY_STRATEGY)
    words = ("run", "--plan", files / "plan.json", "--traffic", files / "traffic.csv", "--json")
    code, out, _ = lightlag(*words, "--strategy", f"{files / 'mine.py'}:my_hops")
    assert code == 0
    assert json.loads(out)["strategy"] == "my_hops"


def test_a_strategy_that_raises_ends_the_run_and_is_named(lightlag: Run, files: Path) -> None:
    (files / "mine.py").write_text(MY_STRATEGY)
    words = ("run", "--plan", files / "plan.json", "--traffic", files / "traffic.csv")
    code, out, err = lightlag(
        *words, "--strategy", f"{files / 'mine.py'}:broken", "--out", files / "run"
    )
    assert code == 1
    assert out == ""
    assert "broken" in err
    assert "no idea" in err
    assert "Traceback" not in err
    assert list((files / "run").iterdir()) == []
