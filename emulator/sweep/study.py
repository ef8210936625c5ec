"""The study file: which scenario, which strategies, which values of which keys, how often.

    format = 1
    name = "all-strategies"
    scenario = "../moonbase-alpha.toml"      # or plan = "plan.json" and traffic = "bundles.csv"
    strategies = ["direct", "sabr", "my_file.py:function"]   # or "all" that come with Lightlag
    seeds = 10                               # 1 to 10; or a list
    until = "7d"
    warm_up = "12h"                          # bundles sourced before are flown, not counted
    cut_off = "1d"                           # nor those sourced so late that they could not arrive

    [parameters]                             # every combination of values; tables in lists by name or place
    "traffic.daily-file.size" = ["200 MB", "2 GB"]

Every strategy is given the same traffic for the same seed and parameters: differences between
strategies are taken seed by seed.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from dtn.errors import BadInput, Fault
from dtn.routing import load_strategy
from dtn.routing.strategy import STRATEGIES
from emulator.files import beside
from emulator.scenario import Scenario
from emulator.scenario.faults import did_you_mean, faults_of, shown
from emulator.scenario.quantities import PositiveSeconds, Seconds
from emulator.scenario.reading import from_tables
from emulator.scenario.table import Name, Table
from emulator.scenario.toml import read_tables, tupled
from emulator.setup import Setup, changed, from_files

MOST = 100_000
"""Seeds of a study."""

GREATEST = 2**63 - 1
"""A seed, as Parquet keeps it."""


class StudyFile(Table):
    """The tables of a study file."""

    format: Literal[1]
    name: Name
    description: str = ""
    scenario: str | None = None
    plan: str | None = None
    traffic: str | None = None
    strategies: Annotated[tuple[str, ...], Field(min_length=1)] | Literal["all"]
    baseline: str | None = None
    seeds: int | tuple[int, ...] = 10
    until_s: PositiveSeconds | None = Field(default=None, alias="until")
    warm_up_s: Seconds = Field(default=0.0, alias="warm_up")
    cut_off_s: Seconds = Field(default=0.0, alias="cut_off")
    wall_limit_s: PositiveSeconds | None = Field(default=None, alias="wall_limit")
    parameters: dict[str, tuple[Any, ...]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_network(self) -> StudyFile:
        files = (self.plan is not None, self.traffic is not None)
        if (self.scenario is not None) == any(files) or any(files) != all(files):
            raise _mend('name scenario = "FILE", or plan = "FILE" and traffic = "FILE" together')
        if self.parameters and self.scenario is None:
            raise _mend("parameters change a scenario: name one, or leave them out")
        names = self.names
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise _mend(f'strategies: "{twice}" is named twice: name each once')
        if self.baseline is not None and self.baseline not in names:
            mend = f"the baseline is one of the strategies: {did_you_mean(self.baseline, names)}"
            raise _mend(f'baseline = "{self.baseline}": {mend}')
        seeds = self.seeds if isinstance(self.seeds, tuple) else (self.seeds,)
        if max(seeds, default=0) > (MOST if isinstance(self.seeds, int) else GREATEST):
            mend = f"at most {MOST:,} seeds, each at most {GREATEST}"
            raise _mend(f"seeds = {shown(self.seeds)}: {mend}")
        if not seeds or min(seeds) < (0 if isinstance(self.seeds, tuple) else 1):
            mend = "give the number of seeds, or a list of them, 0 or more each"
            raise _mend(f"seeds = {shown(self.seeds)}: {mend}")
        if len(set(seeds)) < len(seeds):
            mend = "a seed is named twice: equal seeds give equal runs"
            raise _mend(f"seeds = {shown(self.seeds)}: {mend}")
        if any(not values for values in self.parameters.values()):
            raise _mend("a parameter without a value leaves nothing to run: give a list of values")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Its strategies; "all" are those that come with Lightlag, by name."""
        if self.strategies != "all":
            return self.strategies
        own = "dtn.routing.strategies"
        importlib.import_module(own)
        found = STRATEGIES.items()
        return tuple(sorted(name for name, one in found if one.decide.__module__.startswith(own)))


@dataclass(frozen=True, slots=True)
class Variant:
    """One combination of parameters.

    Args:
        number: its place, from 0.
        parameters: each key with its value as it would stand in the file.
        scenario: the scenario with these values; None for a study of a plan and a bundle list.
    """

    number: int
    parameters: tuple[tuple[str, str], ...]
    scenario: Scenario | None

    @property
    def label(self) -> str:
        """Its parameters in words; "" where there are none."""
        return ", ".join(f"{key} = {value}" for key, value in self.parameters)


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A study whose every part has been looked at: strategies exist, scenarios are good.

    Args:
        file: where it was read.
        name: its name.
        description: what it asks.
        strategies: in order; file strategies with the path they were found at.
        baseline: the strategy that others are compared with, pair by pair.
        seeds: in order.
        variants: combinations of parameters.
        files: contact plan and bundle list, instead of scenarios.
        until_s: when each run stops; None: at the scenario's end.
        warm_up_s: bundles sourced before are not counted.
        cut_off_s: nor those sourced in so many seconds before the end.
        wall_limit_s: a cell that takes longer on this machine has failed.
    """

    file: Path
    name: str
    description: str
    strategies: tuple[str, ...]
    baseline: str
    seeds: tuple[int, ...]
    variants: tuple[Variant, ...]
    files: Setup | None = field(repr=False)
    until_s: float | None
    warm_up_s: float
    cut_off_s: float
    wall_limit_s: float | None

    @property
    def duration_s(self) -> float:
        """How long the shortest of its runs lasts."""
        lasts = [v.scenario.duration_s for v in self.variants if v.scenario is not None]
        if self.files is not None:
            lasts.append(self.files.duration_s)
        return min(lasts) if self.until_s is None else min(*lasts, self.until_s)


def load(path: str | Path) -> Study:
    """Read a study, its scenarios and strategies, before anything runs.

    Raises:
        BadInput: every fault of the study, or of a scenario that it makes.
    """
    file = Path(path)
    data = read_tables(file)
    try:
        tables = StudyFile.model_validate(tupled(data))
    except ValidationError as error:
        raise BadInput(*faults_of(error, data, str(file))) from None
    strategies = tuple(beside(file, name) for name in tables.names)
    _check_strategies(file, strategies)
    seeds = tables.seeds
    baseline = strategies[tables.names.index(tables.baseline or tables.names[0])]
    files = None
    if tables.plan is not None and tables.traffic is not None:
        files = from_files(file.parent / tables.plan, file.parent / tables.traffic)
        files = changed(files, seed=None, strategy=None, until_s=tables.until_s)
    study = Study(
        file=file,
        name=tables.name,
        description=tables.description,
        strategies=strategies,
        baseline=baseline,
        seeds=seeds if isinstance(seeds, tuple) else tuple(range(1, seeds + 1)),
        variants=tuple(_variants(file, tables)),
        files=files,
        until_s=tables.until_s,
        warm_up_s=tables.warm_up_s,
        cut_off_s=tables.cut_off_s,
        wall_limit_s=tables.wall_limit_s,
    )
    if study.warm_up_s + study.cut_off_s >= study.duration_s:
        mend = f"with cut_off nothing is left of {study.duration_s / 86400:g} days: shorten them"
        raise BadInput(Fault(str(file), "warm_up", f"{study.warm_up_s:g} s", mend))
    return study


def _check_strategies(file: Path, strategies: tuple[str, ...]) -> None:
    faults: list[Fault] = []
    for place, name in enumerate(strategies):
        try:
            load_strategy(name, f"{file}: strategies[{place}]")
        except BadInput as bad:
            faults += bad.faults
    if faults:
        raise BadInput(*faults)


def _variants(file: Path, tables: StudyFile) -> Iterator[Variant]:
    if tables.scenario is None:
        yield Variant(0, (), None)
        return
    scenario_file = file.parent / tables.scenario
    data = read_tables(scenario_file)
    for number, values in enumerate(product(*tables.parameters.values())):
        chosen = tuple(zip(tables.parameters, values, strict=True))
        parameters = tuple((key, _shown(value)) for key, value in chosen)
        mine = deepcopy(data)
        for key, value in chosen:
            _set(file, mine, key, value)
        try:
            scenario = from_tables(mine, scenario_file)
        except BadInput as bad:
            raise BadInput(*(_with_parameters(fault, parameters) for fault in bad.faults)) from None
        until_s = min(scenario.duration_s, tables.until_s or scenario.duration_s)
        # what lies beyond is checked like all of the scenario, but need not be planned
        yield Variant(number, parameters, scenario.model_copy(update={"duration_s": until_s}))


def _set(file: Path, data: dict[str, Any], key: str, value: object) -> None:
    """Set one key of a scenario's tables; tables in lists are found by name or place."""
    words = key.split(".")
    table: Any = data
    for depth, word in enumerate(words[:-1]):
        if isinstance(table, list):
            named = {t.get("name", str(n)): t for n, t in enumerate(table) if isinstance(t, dict)}
            named |= {str(n): t for n, t in enumerate(table)}
            if word not in named:
                where = ".".join(words[:depth])
                mend = f"there is no such table in {where}: {did_you_mean(word, list(named))}"
                raise BadInput(Fault(str(file), f'parameters."{key}"', word, mend))
            table = named[word]
        elif isinstance(table, dict):
            table = table.setdefault(word, {})
        else:
            break
    if not isinstance(table, dict):
        mend = "a parameter is table.key or table.name.key of the scenario"
        raise BadInput(Fault(str(file), f'parameters."{key}"', "", mend))
    table[words[-1]] = _listed(value)


def _with_parameters(fault: Fault, parameters: tuple[tuple[str, str], ...]) -> Fault:
    if not parameters:
        return fault
    said = ", ".join(f"{key} = {value}" for key, value in parameters)
    return Fault(fault.file, f"with {said}: {fault.key}", fault.value, fault.mend)


def _shown(value: object) -> str:
    return json.dumps(_listed(value), default=str, ensure_ascii=False)


def _listed(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_listed(item) for item in value]
    return value


def _mend(text: str) -> PydanticCustomError:
    return PydanticCustomError("mend", "{mend}", {"mend": text})
