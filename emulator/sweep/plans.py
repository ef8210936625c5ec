"""The contact plans of a study: each distinct geometry planned once, and kept beside the results."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from dtn.contact_plan import ContactPlan
from dtn.contact_plan.formats import WRITERS
from dtn.errors import BadInput, Fault
from emulator.scenario import Scenario
from emulator.sweep.cell import code_digest
from emulator.sweep.crew import Crew, WorkerDied
from emulator.sweep.progress import Progress, Tell
from emulator.sweep.study import Study, Variant

NOT_GEOMETRY = frozenset(
    (
        "name",
        "description",
        "routing",
        "convergence",
        "ltp",
        "agent",
        "security",
        "traffic",
        "replay",
        "faults",
    )
)
"""What of a scenario its contact plan does not depend on. The seed: only where it draws the weather."""


NOT_PLACE = frozenset(("store_bytes", "computing"))
"""What of a node they do not depend on."""


class Planned(NamedTuple):
    """A contact plan and where it is kept."""

    plan: ContactPlan
    file: Path
    digest: str


def geometry(scenario: Scenario) -> str:
    """Digest of what a scenario's contact plan depends on."""
    told = scenario.model_dump(mode="json", exclude=set(NOT_GEOMETRY))
    if "weather" not in scenario.model_fields_set:
        del told["seed"]
    for table in (*told["nodes"], *(driver["satellites"] for driver in told["mass_driver"])):
        for key in NOT_PLACE:
            table.pop(key, None)
    files = [hashlib.sha256(f.read_bytes()).hexdigest() for f in _files(told, scenario.file.parent)]
    text = json.dumps([told, files, code_digest()], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _files(told: object, folder: Path) -> Iterator[Path]:
    """The files that a scenario names: horizon masks, orbits, clouds."""
    if isinstance(told, str):
        if told and "\n" not in told and (folder / told).is_file():
            yield folder / told
    elif isinstance(told, dict | list):
        for value in told.values() if isinstance(told, dict) else told:
            yield from _files(value, folder)


def plans_of(study: Study, folder: Path, crew: Crew, tell: Tell) -> dict[tuple[int, int], Planned]:
    """The contacts of every variant and seed, each distinct geometry planned once."""
    wanted: dict[str, Scenario] = {}
    digests: dict[tuple[int, int], str] = {}
    if study.files is not None:
        digest = _digest(study.files.plan)
        planned = {digest: _kept(study.files.plan, folder, digest)}
        digests = {(0, seed): digest for seed in study.seeds}
    else:
        planned = {}
        for variant in study.variants:
            for seed in study.seeds:
                scenario = seeded(variant, seed)
                digests[variant.number, seed] = digest = geometry(scenario)
                wanted.setdefault(digest, scenario)
        for digest in list(wanted):
            file = folder / "plans" / f"{digest[:32]}.json"
            with suppress(BadInput):  # there is none, or it was cut short: planned anew
                plan = ContactPlan.load(file)
                planned[digest] = Planned(plan, file, _digest(plan))
                del wanted[digest]
    order = list(wanted)
    for done, (place, answer) in enumerate(
        crew.do(plan_contacts, [(wanted[digest],) for digest in order])
    ):
        if isinstance(answer, WorkerDied):
            raise BadInput(Fault(str(study.file), "scenario", "", f"cannot be planned: {answer}"))
        planned[order[place]] = _kept(answer, folder, order[place])
        tell(Progress("plans", done + 1, len(order), math.nan, 0))
    return {key: planned[digest] for key, digest in digests.items()}


def plan_contacts(scenario: Scenario) -> ContactPlan:
    """The contacts of a scenario."""
    from emulator.sky.scenario_sky import ScenarioSky

    with ScenarioSky(scenario) as sky:
        return sky.plan()


def _kept(plan: ContactPlan, folder: Path, digest: str) -> Planned:
    file = folder / "plans" / f"{digest[:32]}.json"
    plan.save(file)
    return Planned(plan, file, _digest(plan))


def _digest(plan: ContactPlan) -> str:
    return hashlib.sha256(WRITERS["json"](plan)[0].encode()).hexdigest()


def seeded(variant: Variant, seed: int) -> Scenario:
    """A variant's scenario with one of the study's seeds."""
    assert variant.scenario is not None
    return variant.scenario.model_copy(update={"seed": seed})
