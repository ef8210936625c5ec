"""Sweeps: the same results whoever computes them, resumed, failing cell by cell."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest

from dtn.contact_plan import Contact, ContactPlan
from dtn.errors import BadInput
from emulator.cli.sweep_command import STOPPING, ended_by_signals
from emulator.scenario import load as load_scenario
from emulator.sweep.crew import Here, Processes, Task
from emulator.sweep.plans import geometry
from emulator.sweep.results import RESULTS, STATISTICS, StudyResult
from emulator.sweep.study import load
from emulator.sweep.sweep import sweep

STUDY = """\
format = 1
name = "small"
plan = "plan.json"
traffic = "traffic.csv"
strategies = {strategies}
seeds = 2
{more}
"""

SCENARIO = """\
format = 1
name = "two"
start = 2026-12-01T00:00:00Z
duration = "6h"

[[nodes]]
name = "ground"
ipn = 1
role = "gateway"

[[nodes]]
name = "craft"
ipn = 2
role = "gateway"
store = "1 GB"

[[links]]
between = ["ground", "craft"]
rate_bps = 8e5
owlt_s = 2.0

[[traffic]]
name = "telemetry"
application = "telemetry"
from = "craft"
to = "ground"
size = "1 kB"
period = "10min"
process = "poisson"
lifetime = "1h"
"""


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    """Writes a study over three nodes: a relay in the middle, contacts by turns."""
    contacts = []
    for start_s in range(0, 3600, 600):
        contacts.append(Contact("a", "r", start_s, start_s + 200.0, 8e4, 1.0))
        contacts.append(Contact("r", "b", start_s + 300.0, start_s + 500.0, 8e4, 1.0))
    ContactPlan(contacts).save(tmp_path / "plan.json")
    rows = [f"{60 * turn},a,b,{1000 + turn},1800" for turn in range(40)]
    header = "created_s,from,to,size_bytes,lifetime_s"
    (tmp_path / "traffic.csv").write_text("\n".join([header, *rows]) + "\n")
    (tmp_path / "bad.py").write_text(
        "import os\n"
        "from pathlib import Path\n"
        "from dtn.routing import Hold, Send\n"
        "def raises(view, bundle):\n    raise ValueError('no idea')\n"
        "def forever(view, bundle):\n    while True: pass\n"
        "def dies(view, bundle):\n    os._exit(3)\n"
        "def waits(view, bundle):\n"
        "    here = Path(__file__).parent\n"
        "    (here / 'asked').touch()\n"
        "    while not (here / 'go').exists(): pass\n"
        "    routes = view.routes(bundle, 1)\n"
        "    return Send(routes[0]) if routes else Hold()\n"
    )

    def write(*strategies: str, more: str = "") -> Path:
        file = tmp_path / "study.toml"
        file.write_text(STUDY.format(strategies=json.dumps(strategies), more=more))
        return file

    return write


def octets(folder: Path) -> tuple[bytes, bytes]:
    return (folder / RESULTS).read_bytes(), (folder / STATISTICS).read_bytes()


class Counting(Here):
    """Counts what is asked of it."""

    def __init__(self) -> None:
        self.tasks = 0

    def do(
        self, function: Callable[..., object], tasks: Sequence[Task]
    ) -> Iterator[tuple[int, object]]:
        self.tasks += len(tasks)
        return super().do(function, tasks)


def test_a_study_gives_a_row_a_cell_and_a_report(make: Callable[..., Path], tmp_path: Path) -> None:
    result = sweep(load(make("sabr", "direct", "epidemic")), tmp_path / "out")
    assert result.results.select("strategy", "seed").rows() == [
        (strategy, seed) for strategy in ("sabr", "direct", "epidemic") for seed in (1, 2)
    ]
    ratios = dict(result.results.select("strategy", "delivery_ratio").rows())
    assert ratios["sabr"] == ratios["epidemic"] > 0.7
    assert ratios["direct"] == 0
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.count("Plotly.react") >= 1
    assert "epidemic" in page
    assert pl.read_parquet(tmp_path / "out" / RESULTS).equals(result.results)


def test_other_processes_give_the_same_octets(make: Callable[..., Path], tmp_path: Path) -> None:
    study = load(make("sabr", "epidemic"))
    sweep(study, tmp_path / "here")
    sweep(study, tmp_path / "there", crew=Processes(2))
    assert octets(tmp_path / "here") == octets(tmp_path / "there")


def test_what_is_finished_is_not_computed_again(make: Callable[..., Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    first, second, third = Counting(), Counting(), Counting()
    sweep(load(make("sabr", "direct")), out, crew=first)
    before = octets(out)
    sweep(load(make("sabr", "direct")), out, crew=second)
    assert (first.tasks, second.tasks) == (4, 0)
    assert octets(out) == before
    sweep(load(make("sabr", "direct", "epidemic", more='warm_up = "5min"')), out, crew=third)
    assert third.tasks == 2  # the new strategy; which bundles count is decided afterwards


def test_a_kept_cell_that_was_cut_short_is_computed_again(
    make: Callable[..., Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    sweep(load(make("sabr")), out)
    before = octets(out)
    for file in (out / "cells").iterdir():
        file.write_bytes(file.read_bytes()[:100])
    again = Counting()
    sweep(load(make("sabr")), out, crew=again)
    assert again.tasks == 2
    assert octets(out) == before


def test_a_kept_plan_that_was_cut_short_is_planned_again(tmp_path: Path) -> None:
    study = load(parameter_study(tmp_path, '"traffic.telemetry.size" = ["1 kB"]'))
    out = tmp_path / "out"
    sweep(study, out)
    before = octets(out)
    (plan,) = (out / "plans").iterdir()
    whole = plan.read_bytes()
    plan.write_bytes(whole[:100])
    again = Counting()
    sweep(study, out, crew=again)
    assert again.tasks == 1  # the plan; it is as it was, and so the cells are
    assert (plan.read_bytes(), octets(out)) == (whole, before)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
@pytest.mark.parametrize("name", ["cells", RESULTS, STATISTICS])
def test_where_the_disk_is_full_the_file_is_named_and_nothing_half_written_is_left(
    make: Callable[..., Path], tmp_path: Path, name: str
) -> None:
    study, out = load(make("sabr")), tmp_path / "out"
    sweep(study, out)
    file = next((out / name).iterdir()) if name == "cells" else out / name
    file.unlink()
    part = file.with_name(f"{file.name}.part")
    part.symlink_to("/dev/full")
    with pytest.raises(BadInput, match="cannot be written: No space left on device"):
        sweep(study, out)
    assert not file.exists()


def test_a_strategy_that_fails_fails_its_cells_and_the_others_go_on(
    make: Callable[..., Path], tmp_path: Path
) -> None:
    study = make("sabr", "bad.py:raises", "bad.py:forever", more='wall_limit = "300ms"')
    result = sweep(load(study), tmp_path / "out")
    status = result.results.select("status").to_series().to_list()
    assert status == ["finished"] * 2 + ["failed"] * 4
    why = [flown.outcome.failure for flown in result.failed]
    assert "no idea" in why[0]
    assert "wall_limit" in why[2]
    assert "no idea" in (tmp_path / "out" / "report.html").read_text()
    ratios = result.results["delivery_ratio"].drop_nulls()
    assert len(ratios) == 2


@pytest.mark.slow
def test_a_worker_that_dies_fails_its_cell_and_the_others_go_on(
    make: Callable[..., Path], tmp_path: Path
) -> None:
    study = load(make("bad.py:dies", "direct"))
    result = sweep(study, tmp_path / "out", crew=Processes(2))
    assert result.results["status"].to_list() == ["failed"] * 2 + ["finished"] * 2
    assert "died" in result.failed[0].outcome.failure


class Stopped(Exception):
    """What a signal raises here."""


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_a_signal_that_another_thread_took_is_noticed_while_workers_work() -> None:
    def stop(number: int, frame: object) -> None:
        raise Stopped

    before = signal.signal(signal.SIGUSR1, stop)
    taker = threading.Timer(1.0, lambda: signal.pthread_kill(threading.get_ident(), signal.SIGUSR1))
    began_s = time.monotonic()
    taker.start()
    try:
        with pytest.raises(Stopped), closing(Processes(1).do(time.sleep, [(30.0,)])) as answers:
            list(answers)
    finally:
        taker.join()
        signal.signal(signal.SIGUSR1, before)
    assert time.monotonic() - began_s < 20


def test_signals_after_the_first_do_not_interrupt_the_tidying_up_and_handlers_are_put_back() -> (
    None
):
    before = [signal.getsignal(number) for number in STOPPING]
    tidied = []

    def stopped_again_and_again() -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            for number in STOPPING:
                signal.raise_signal(number)
            tidied.append(True)

    with pytest.raises(SystemExit) as ended, ended_by_signals():
        stopped_again_and_again()
    assert (ended.value.code, tidied) == (128 + signal.SIGTERM, [True])
    assert [signal.getsignal(number) for number in STOPPING] == before


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
@pytest.mark.parametrize(
    ("number", "code", "said"),
    [
        (signal.SIGINT, 130, "stopped: what is finished is kept in"),
        pytest.param(
            signal.SIGTERM, 143, "stopped: what is finished is kept in", marks=pytest.mark.slow
        ),
        (signal.SIGKILL, -9, ""),
    ],
)
def test_a_sweep_that_is_stopped_leaves_no_worker_behind_and_goes_on_when_started_again(
    make: Callable[..., Path], tmp_path: Path, number: signal.Signals, code: int, said: str
) -> None:
    study, out = make("sabr", "bad.py:waits"), tmp_path / "out"
    command = ["sweep", str(study), "--out", str(out), "--workers", "2"]
    sweeping = subprocess.Popen(
        [sys.executable, "-c", "from emulator.cli import main; main()", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not (tmp_path / "asked").exists() and sweeping.poll() is None:
        time.sleep(0.05)
    # Ctrl-C goes to all processes of a terminal
    (os.killpg if number is signal.SIGINT else os.kill)(sweeping.pid, number)
    try:
        printed, told = sweeping.communicate(timeout=20)  # the pipes end with the last process
    except subprocess.TimeoutExpired:
        os.killpg(sweeping.pid, signal.SIGKILL)
        raise
    assert sweeping.returncode == code
    assert (printed, "Traceback" in told) == ("", False), told
    assert said in told
    (tmp_path / "go").touch()
    again = Counting()
    sweep(load(study), out, crew=again)
    sweep(load(study), tmp_path / "unbroken")
    assert 2 <= again.tasks <= 4
    assert octets(out) == octets(tmp_path / "unbroken")


@pytest.mark.parametrize(
    ("strategies", "more", "key", "mend"),
    [
        (("sabr", "sabre"), "", "strategies[1]", "choose one of"),
        (("sabr", "gone.py:f"), "", "strategies[1]", "there is no file"),
        (("sabr",), 'warm_up = "3d"', "warm_up", "shorten"),
        (("sabr",), 'baseline = "direct"', "", 'baseline = "direct": the baseline is one of'),
        (("sabr", "sabr"), "", "", 'strategies: "sabr" is named twice'),
        (("sabr",), 'scenario = "x.toml"', "", "together"),
        (("sabr",), "[parameters]\nseed = [1]", "", "name one"),
        (("sabr",), "sedes = 3", "sedes", "unknown key"),
        ((), "", "strategies", "write at least 1 entries, or use one of: 'all'"),
    ],
)
def test_a_study_that_cannot_be_run_stops_before_anything_runs(
    make: Callable[..., Path], strategies: tuple[str, ...], more: str, key: str, mend: str
) -> None:
    with pytest.raises(BadInput) as caught:
        load(make(*strategies, more=more))
    fault = caught.value.faults[0]
    assert key in f"{fault.file} {fault.key}"
    assert mend in fault.mend


@pytest.mark.parametrize(
    ("seeds", "told"),
    [
        ("[]", "study.toml: seeds = []: give the number of seeds"),
        ("-1", "study.toml: seeds = -1: give the number of seeds"),
        ("[1, 1]", "study.toml: seeds = [1, 1]: a seed is named twice"),
        ("100001", "study.toml: seeds = 100001: at most 100,000 seeds"),
        (f"[{2**63}]", f"study.toml: seeds = [{2**63}]: at most 100,000 seeds, each at most"),
        ("1.5", "study.toml: seeds = 1.5: write a whole number without quotes, or write a list"),
    ],
)
def test_seeds_that_cannot_be_are_told_as_the_file_says_them(
    make: Callable[..., Path], seeds: str, told: str
) -> None:
    study = make("sabr")
    study.write_text(study.read_text().replace("seeds = 2", f"seeds = {seeds}"))
    with pytest.raises(BadInput) as caught:
        load(study)
    (fault,) = caught.value.faults
    assert told in str(fault)


def test_all_strategies_are_those_that_come_with_lightlag() -> None:
    study = load(Path(__file__).parents[2] / "scenarios" / "studies" / "all-strategies.toml")
    assert {"sabr", "direct", "epidemic", "first_contact"} <= set(study.strategies)
    assert len(study.seeds) == 10
    assert study.duration_s == 7 * 86400
    assert study.baseline == "sabr"


def parameter_study(tmp_path: Path, parameters: str) -> Path:
    (tmp_path / "two.toml").write_text(SCENARIO)
    file = tmp_path / "study.toml"
    file.write_text(
        'format = 1\nname = "p"\nscenario = "two.toml"\nstrategies = ["direct"]\nseeds = 2\n'
        f'until = "3h"\n[parameters]\n{parameters}\n'
    )
    return file


def test_every_combination_of_parameters_is_run_over_one_plan(tmp_path: Path) -> None:
    study = parameter_study(
        tmp_path,
        '"traffic.telemetry.size" = ["1 kB", "2 kB"]\n"nodes.craft.store" = ["1 MB", "2 MB"]',
    )
    crew = Counting()
    result: StudyResult = sweep(load(study), tmp_path / "out", crew=crew)
    assert crew.tasks == 1 + 8  # one plan, then 4 combinations with 2 seeds
    assert len(list((tmp_path / "out" / "plans").iterdir())) == 1
    assert result.results["parameters"].unique(maintain_order=True).to_list()[1] == (
        'traffic.telemetry.size = "1 kB", nodes.craft.store = "2 MB"'
    )
    volumes = result.results.filter(seed=1)["volume_bytes_per_day"].to_list()
    assert volumes[2] == pytest.approx(2 * volumes[0])
    by_seed = result.results.filter(variant=0)["delay_s"].to_list()
    assert len(set(by_seed)) > 0


def test_what_moves_a_link_is_planned_anew(tmp_path: Path) -> None:
    study = load(parameter_study(tmp_path, '"links.0.owlt_s" = [2.0, 3.0]'))
    digests = [geometry(variant.scenario) for variant in study.variants if variant.scenario]
    assert len(set(digests)) == 2


def test_what_a_file_says_that_a_scenario_names_is_part_of_its_geometry(tmp_path: Path) -> None:
    digests = []
    for elevation in ("5", "9"):
        mask = f"azimuth_deg,elevation_deg\n0,{elevation}\n180,{elevation}\n"
        (tmp_path / "mask.csv").write_text(mask)
        file = tmp_path / "two.toml"
        site = 'site = { body = "earth", latitude_deg = 28, longitude_deg = -16 }'
        station = f'role = "earth-station"\n{site}\nhorizon_mask = "mask.csv"'
        file.write_text(SCENARIO.replace('role = "gateway"', station, 1))
        digests.append(geometry(load_scenario(file)))
    assert digests[0] != digests[1]


@pytest.mark.parametrize(
    ("parameters", "key"),
    [
        ('"traffic.telemetri.size" = ["1 kB"]', "telemetri"),
        ('"traffic.telemetry.sise" = ["1 kB"]', "sise"),
        ('"traffic.telemetry.size" = [5]', "with traffic.telemetry.size = 5"),
    ],
)
def test_a_parameter_that_is_no_key_of_the_scenario_is_refused(
    tmp_path: Path, parameters: str, key: str
) -> None:
    with pytest.raises(BadInput) as caught:
        load(parameter_study(tmp_path, parameters))
    fault = caught.value.faults[0]
    assert key in f"{fault.key} {fault.value}"


@pytest.mark.slow
def test_a_dask_cluster_gives_the_same_octets(make: Callable[..., Path], tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    from emulator.sweep.crew import cluster

    study = load(make("sabr", "epidemic"))
    sweep(study, tmp_path / "here")
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with (
        distributed.LocalCluster(**options) as workers,
        cluster(workers.scheduler_address) as crew,
    ):
        sweep(study, tmp_path / "there", crew=crew)
    assert octets(tmp_path / "here") == octets(tmp_path / "there")


def test_where_no_scheduler_answers_the_address_is_named() -> None:
    pytest.importorskip("distributed")
    from emulator.sweep.crew import cluster

    with pytest.raises(BadInput, match="no Dask scheduler"), cluster("tcp://127.0.0.1:9", 0.3):
        pass
