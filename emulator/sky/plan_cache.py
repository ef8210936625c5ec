"""Plans kept on disk by what they depend on, so that the second run of a scenario starts at once.

The key is a SHA-256 of everything that a plan follows from: the scenario's tables about places, terminals, links,
launches and weather, its dates and seed; the contents of the files it names; the kernels; and the source of the code
that plans, so that a mended planner never serves an old plan. What a plan does not depend on (traffic, routing,
faults, stores) is left out: to change it costs no planning.

Plans lie in `$XDG_CACHE_HOME/lightlag/plans` (`~/.cache` by default) as Python keeps its compiled modules (marshal: a
plan of seven million light times takes seconds as JSON), under a checksum, the newest `KEPT` of them. A file is
written beside its name and moved onto it: nobody reads half of one, and what cannot be read is planned anew. A cache
that cannot be written is none.
"""

from __future__ import annotations

import hashlib
import json
import marshal
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import topology
from dtn.contact_plan import Contact, ContactPlan
from emulator.scenario import Scenario

KEPT = 60
_SKIPPED_TABLES = {
    "name",
    "description",
    "routing",
    "shells",
    "spacecraft",
    "convergence",
    "ltp",
    "agent",
    "traffic",
    "replay",
    "faults",
    "security",
}
"""What contacts do not follow from. A table that is not named here counts: a new one is safe."""
_SKIPPED_KEYS = {"store_bytes", "agent", "computing", "spacecraft", "energy", "loss_rate"}


def folder() -> Path:
    """Where plans are kept."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".cache") / "lightlag" / "plans"


def key_of(scenario: Scenario) -> str:
    """The name under which a scenario's plan is kept."""
    tables = scenario.model_dump(mode="json", exclude=_SKIPPED_TABLES)
    drivers = tables["mass_driver"]
    for table in (*tables["nodes"], *drivers, *(driver["satellites"] for driver in drivers)):
        for key in _SKIPPED_KEYS:
            table.pop(key, None)
    digest = hashlib.sha256(json.dumps(tables, sort_keys=True).encode())
    digest.update(f"{sys.implementation.cache_tag} {marshal.version}".encode())
    for path in _files(scenario):
        digest.update(path.read_bytes() if path.is_file() else b"none")
        digest.update(b"\0")
    for source in _sources():
        digest.update(source.read_bytes())
    for kernel in sorted((Path(str(topology.__file__)).parent / "kernels").iterdir()):
        digest.update(f"{kernel.name} {kernel.stat().st_size}\n".encode())
    return digest.hexdigest()


def _sources() -> list[Path]:
    """The code that plans."""
    sky = Path(str(topology.__file__)).parent
    here = sorted(Path(__file__).parent.glob("*.py"))
    return [*sorted(sky.rglob("*.py")), *here]


def _files(scenario: Scenario) -> Iterator[Path]:
    """The files beside the scenario that say where things are or what can be seen."""
    beside = scenario.file.parent
    for node in scenario.nodes:
        if node.horizon_mask is not None:
            yield beside / node.horizon_mask
        if node.orbit is not None and node.orbit.oem is not None:
            yield beside / node.orbit.oem
        if node.orbit is not None and node.orbit.spk is not None:
            yield beside / node.orbit.spk.file
    for terminal in scenario.terminals.values():
        if terminal.rate_file is not None:
            yield beside / terminal.rate_file
    if scenario.kernels is not None:
        yield from (beside / name for name in scenario.kernels.model_dump().values())
    if scenario.weather is not None and scenario.weather.cloud is not None:
        yield beside / scenario.weather.cloud


def find(key: str) -> ContactPlan | None:
    """The plan kept under a key; None if there is none that can be read."""
    path = folder() / f"{key}.plan"
    try:
        digest, _, octets = path.read_bytes().partition(b"\n")
        if hashlib.sha256(octets).hexdigest().encode() != digest:
            return None  # half a file, or a changed one
        path.touch()
    except OSError:
        return None
    start, ipn_numbers, rows = marshal.loads(octets)
    contacts = (Contact(*row) for row in rows)
    return ContactPlan(contacts, start and datetime.fromisoformat(start), ipn_numbers)


def keep(key: str, plan: ContactPlan) -> None:
    """Keep a plan under a key, and no more than the newest `KEPT`."""
    start = plan.start_utc and plan.start_utc.isoformat()
    rows = [
        (
            *(c.source, c.destination, c.start_s, c.end_s, c.rate_bps, c.owlt_s),
            *(c.confidence, c.frame_loss),
        )
        for c in plan.contacts
    ]
    octets = marshal.dumps([start, dict(plan.ipn_numbers), rows])
    place = folder()
    part = place / f".{key}.{os.getpid()}"  # two processes may plan the same
    try:
        place.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(hashlib.sha256(octets).hexdigest().encode() + b"\n")
            file.write(octets)
        part.replace(place / f"{key}.plan")
        plans = sorted(place.glob("[!.]*"), key=lambda path: path.stat().st_mtime)
        for old in plans[:-KEPT]:
            old.unlink(missing_ok=True)
    except OSError:
        with suppress(OSError):
            part.unlink(missing_ok=True)
