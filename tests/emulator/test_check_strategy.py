"""check-strategy, the watch over strategies that do not come back, and strategies from elsewhere."""

import json
import math
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from dtn.contact_plan import Contact, ContactPlan
from dtn.errors import BadInput, StrategyFault
from dtn.routing import Drop, Hold, Send, load_strategy
from dtn.routing.strategy import Strategy
from emulator.check import check_strategy
from emulator.cli import main
from emulator.environment import RoutingEnvironment
from emulator.one_process import fly
from emulator.setup import Demand, alone
from emulator.watch import watched

PLAN = ContactPlan(
    [
        Contact("a", "b", 0.0, 50.0, 1e6, 1.0),
        Contact("b", "c", 60.0, 90.0, 1e6, 1.0),
        Contact("a", "c", 200.0, 250.0, 1e6, 1.0),
    ]
)


def one_bundle(strategy="sabr"):
    demand = Demand(created_s=1.0, source="a", destination="c", size_bytes=1000, lifetime_s=1000.0)
    return alone(PLAN, strategy, demand, 300.0)


def test_sabr_is_optimal_in_all_known_cases():
    verdicts = [answer.verdict for answer in check_strategy(load_strategy("sabr"))]
    assert len(verdicts) == 60
    assert set(verdicts) == {"optimal", "no route"}


def test_a_strategy_file_is_set_beside_the_optimum(tmp_path, capsys):
    path = tmp_path / "mine.py"
    path.write_text(
        "from dtn.routing import Hold, Send\n\n"
        "def mine(view, bundle):\n"
        "    met = [n.name for n in view.neighbours]\n"
        "    return Send(bundle.destination) if bundle.destination in met else Hold()\n"
    )
    with pytest.raises(SystemExit) as end:
        main(["check-strategy", f"{path}:mine", "--json"])
    assert end.value.code == 0
    found = json.loads(capsys.readouterr().out)
    direct = [answer.verdict for answer in check_strategy(load_strategy("direct"))]
    assert [answer["verdict"] for answer in found["answers"]] == direct
    assert found["verdicts"]["late"] > 0
    late = [answer for answer in found["answers"] if answer["verdict"] == "late"]
    assert all(answer["arrival_s"] > answer["optimum_s"] for answer in late)


def test_a_strategy_that_breaks_a_rule_ends_the_check_with_1(tmp_path, capsys):
    path = tmp_path / "wrong.py"
    path.write_text(
        "from dtn.routing import Send\n\ndef wrong(view, bundle):\n    return Send('nobody')\n"
    )
    with pytest.raises(SystemExit) as end:
        main(["check-strategy", f"{path}:wrong"])
    assert end.value.code == 1
    assert "no contact" in " ".join(capsys.readouterr().out.split())


def test_a_strategy_that_never_comes_back_is_named():
    def stubborn(view, bundle):
        while True:
            pass

    with pytest.raises(
        StrategyFault, match=r"did not come back within 0\.2 s of processor time"
    ) as fault:
        fly(one_bundle(), Strategy("stubborn", stubborn, {}), lambda e: None, decision_limit_s=0.2)
    assert (fault.value.strategy, fault.value.node) == ("stubborn", "a")
    assert fault.value.bundle.startswith("ipn:1.1/")


def test_a_strategy_that_sleeps_is_named_without_waiting_for_it():
    def asleep(view, bundle):
        threading.Event().wait(3600)

    with pytest.raises(StrategyFault, match=r"did not come back within 0\.5 s$"):
        fly(one_bundle(), Strategy("asleep", asleep, {}), lambda e: None, decision_limit_s=0.05)


def test_a_strategy_that_waits_for_a_while_is_left_alone():
    def slow(view, bundle):
        threading.Event().wait(0.1)
        return Hold()

    events = []
    fly(one_bundle(), Strategy("slow", slow, {}), events.append, decision_limit_s=0.05)
    assert events


def test_a_strategy_is_named_in_other_threads_too():
    def stubborn(view, bundle):
        while True:
            pass

    faults = []

    def go():
        strategy = Strategy("stubborn", stubborn, {})
        try:
            fly(one_bundle(), strategy, lambda e: None, decision_limit_s=0.2)
        except StrategyFault as fault:
            faults.append(fault.rule)

    thread = threading.Thread(target=go)
    thread.start()
    thread.join(30)
    assert faults == ["did not come back within 0.2 s of processor time"]


def test_a_strategy_that_catches_what_would_end_it_is_met_outside_of_its_try():
    def catches(view, bundle):
        while True:
            try:
                len(bundle.id)
            except BaseException:
                continue

    with pytest.raises(StrategyFault, match="did not come back"):
        fly(one_bundle(), Strategy("catches", catches, {}), lambda e: None, decision_limit_s=0.2)


def test_a_strategy_that_holds_out_takes_its_process_with_it(tmp_path):
    path = tmp_path / "deaf.py"
    path.write_text(
        "import threading\n\n"
        "def deaf(view, bundle):\n"
        "    while True:\n"
        "        try:\n"
        "            while True:\n"
        "                try:\n"
        "                    threading.Event().wait(3600)\n"
        "                except BaseException:\n"
        "                    continue\n"
        "        except BaseException:\n"
        "            continue\n"
    )
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from emulator import watch\n"
        "watch.BREAK_INS = 5\n"
        "from test_check_strategy import fly, load_strategy, one_bundle\n"
        f"fly(one_bundle(), load_strategy({f'{path}:deaf'!r}), print, decision_limit_s=0.02)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2
    assert "deaf" in ended.stderr
    assert "catches all that would end it" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("end_s", [5.0, 200.0])
def test_sending_over_contacts_that_are_over_or_never_were_is_a_broken_rule(end_s):
    plan = ContactPlan([Contact("a", "c", 0.0, end_s, 1e6, 1.0), Contact("c", "b", 0, 9, 1e6, 1.0)])
    demand = Demand(created_s=50.0, source="a", destination="c", size_bytes=9, lifetime_s=99.0)
    setup = alone(plan, "closed", demand, 300.0)
    to = "c" if end_s < 50 else "b"
    closed = Strategy("closed", lambda view, bundle: Send(to), {})
    with pytest.raises(StrategyFault, match="no contact"):
        fly(setup, closed, lambda e: None)


def test_a_strategy_that_asks_the_program_to_end_is_named_and_ends_only_its_run():
    def leaves(view, bundle):
        sys.exit(3)

    with pytest.raises(StrategyFault, match=r"asked the program to end: SystemExit\(3\)"):
        fly(one_bundle(), Strategy("leaves", leaves, {}), lambda e: None)


@pytest.mark.parametrize(
    ("answer", "rule"),
    [
        (Hold(until_s=0.0), r"holds until 0\.0 s, which is not after now"),
        ([Hold(until_s=-5.0)], r"holds until -5\.0 s, which is not after now"),
        (Hold(until_s=math.nan), r"holds until nan s, which is not after now"),
        (Drop("x"), "drops with reason 'x': give a reason code"),
        (Drop(-1), "drops with reason -1: give a reason code"),
    ],
)
def test_an_answer_that_leads_nowhere_is_a_broken_rule(answer, rule):
    with pytest.raises(StrategyFault, match=rule):
        fly(one_bundle(), Strategy("odd", lambda view, bundle: answer, {}), lambda e: None)


def test_what_is_no_exception_is_a_fault_of_the_strategy_too():
    class Odd(BaseException):
        pass

    def raises(view, bundle):
        raise Odd("boo")

    with pytest.raises(StrategyFault, match=r"Odd\('boo'\), which is no Exception"):
        fly(one_bundle(), Strategy("raises", raises, {}), lambda e: None)


def test_a_strategy_file_that_asks_the_program_to_end_does_not_import(tmp_path, capsys):
    path = tmp_path / "leaves.py"
    path.write_text("import sys\nsys.exit(0)\n")
    with pytest.raises(SystemExit) as end:
        main(["check-strategy", f"{path}:leaves"])
    assert end.value.code == 2
    assert "does not import: SystemExit(0)" in capsys.readouterr().err


def test_a_hook_that_never_comes_back_is_named():
    def stubborn(view, neighbour):
        while True:
            pass

    strategy = Strategy("stubborn", lambda view, bundle: Hold(), {"contact_up": stubborn})
    with pytest.raises(StrategyFault, match="did not come back"):
        fly(one_bundle(), strategy, lambda e: None, decision_limit_s=0.2)


def test_the_watch_changes_no_event():
    runs = []
    for limit_s in (0.2, math.inf):
        events = []
        fly(one_bundle(), load_strategy("sabr"), events.append, decision_limit_s=limit_s)
        runs.append(events)
    assert runs[0] == runs[1]


def test_without_a_limit_nobody_watches():
    strategy = load_strategy("sabr")
    with watched(strategy, math.inf) as same:
        assert same is strategy


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package on the path that offers a strategy, and one that cannot be imported."""
    (tmp_path / "elsewhere.py").write_text(
        "from dtn.routing import Hold\n\ndef patient(view, bundle):\n    return Hold()\n"
    )
    info = tmp_path / "elsewhere-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: elsewhere\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[lightlag.strategies]\npatient = elsewhere:patient\nbroken = elsewhere:missing\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("elsewhere", None)


@pytest.mark.usefixtures("package")
def test_a_strategy_is_found_by_its_entry_point():
    strategy = load_strategy("patient")
    assert strategy.name == "patient"
    assert strategy.decide(None, None) == Hold()
    with pytest.raises(BadInput, match="does not load"):
        load_strategy("broken")


# --- the environment ------------------------------------------------------------------------------


def played(choose, seed=None):
    environment = RoutingEnvironment(one_bundle())
    observation, _ = environment.reset(seed=seed)
    steps = []
    over = observation is None
    while not over:
        observation, reward, over, truncated, info = environment.step(choose(observation))
        assert not truncated
        steps.append((reward, info["now_s"]))
    return steps


def test_an_environment_asks_for_every_decision_and_rewards_deliveries():
    steps = played(lambda observation: 0)  # the best route, twice
    assert [reward > 0 for reward, _ in steps] == [False, True]
    assert played(lambda observation: 0) == steps
    latency_s = 60 + 1.0 - 1.0  # from 1 s to the contact at 60 s and its light
    assert steps[-1][0] == pytest.approx(1 - latency_s / 1000, abs=1e-3)


def test_holding_on_costs_the_delivery():
    environment = RoutingEnvironment(one_bundle())
    observation, info = environment.reset()
    assert observation["node"] == "a"
    assert [route["hops"] for route in observation["routes"]] == [2, 1]
    total, over = 0.0, False
    while not over:
        _, reward, over, _, info = environment.step(environment.hold)
        total += reward
    assert total == 0
    assert info["fault"] is None


@pytest.mark.parametrize(
    ("action", "error"), [(-1, ValueError), (5, ValueError), (0.5, TypeError), (None, TypeError)]
)
def test_what_is_no_action_is_refused_and_the_run_still_waits_for_one(action, error):
    environment = RoutingEnvironment(one_bundle(), k=4)
    environment.reset(seed=1)
    with pytest.raises(error):
        environment.step(action)
    observation, _, over, _, info = environment.step(0)
    while not over:
        observation, _, over, _, info = environment.step(0 if observation["routes"] else 4)
    assert info["delivered"] == 1


def test_an_environment_without_a_route_to_choose_is_refused():
    with pytest.raises(ValueError, match="k = 0"):
        RoutingEnvironment(one_bundle(), k=0)


def test_an_environment_may_be_left_in_the_middle_and_begun_again():
    environment = RoutingEnvironment(one_bundle())
    first, _ = environment.reset()
    second, _ = environment.reset()
    assert first == second
    environment.close()
    with pytest.raises(RuntimeError, match="reset"):
        environment.step(0)
