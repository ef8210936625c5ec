"""Compiled modules: the same events, never from other sources than those that are there; without them all goes on."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dtn import native
from emulator import compile_modules

FLIGHT = """
import hashlib, random, sys
from dtn import native
from dtn.contact_plan import Contact, ContactPlan
from dtn.routing import load_strategy
from emulator.build import Network
from emulator.clock import EmulatedLoop
from emulator.setup import Demand, Member, Setup

def events(seed, strategy):
    rng, names = random.Random(seed), [f"n{k}" for k in range(6)]
    contacts = []
    for _ in range(120):
        source, destination = rng.sample(names, 2)
        start_s = rng.uniform(0, 5000)
        contacts.append(Contact(source, destination, start_s, start_s + rng.choice([1.0, 30.0, 300.0]),
            rng.choice([1e3, 1e5, (1e4, 5e4, 0.0)]), rng.choice([0.01, 30.0, (1.0, 2.0)])))
    numbers = {name: k for k, name in enumerate(names, 1)}
    demands = tuple(
        Demand(created_s=rng.uniform(0, 5000), source=source, destination=destination,
            size_bytes=rng.choice([100, 5000, 100_000]), lifetime_s=rng.choice([50.0, 5000.0]))
        for source, destination in (rng.sample(names, 2) for _ in range(150)))
    members = tuple(Member(name=n, ipn=k, store_bytes=300_000.0) for n, k in numbers.items())
    setup = Setup(name="", sha256="", start=None, duration_s=6000.0, seed=seed, strategy=strategy,
        plan=ContactPlan(contacts, ipn_numbers=numbers), members=members, demands=demands)
    log = []
    with EmulatedLoop() as loop:
        network = Network(setup, load_strategy(strategy), loop, log.append)
        loop.run(setup.duration_s)
        network.end(setup.duration_s)
    return log

for strategy in ("sabr", "direct", "first_contact", "epidemic", "volume_aware"):
    log = [event for seed in range(3) for event in events(seed, strategy)]
    print(strategy, len(log), hashlib.sha256(repr(log).encode()).hexdigest())
print(native.is_in_use(), file=sys.stderr)
"""
"""Random networks with ties, quotas, rates that vary and bundles that expire; prints a digest of their events."""


def python(program: str, compiled: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, native.VARIABLE: compiled, **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )


def test_the_events_are_the_same_compiled_and_interpreted(users_compiled: Path) -> None:
    interpreted = python(FLIGHT, "0")
    compiled = python(FLIGHT, str(users_compiled))
    assert (interpreted.stderr, compiled.stderr) == ("False\n", "True\n")
    assert interpreted.stdout == compiled.stdout
    assert len(interpreted.stdout.splitlines()) == 5


def test_what_is_compiled_goes_by_the_sources_that_it_was_made_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = ("dtn/eid.py", "dtn/events.py", "nodes/channel/local.py")
    for place in places:
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text("pass\n")
    monkeypatch.setattr(native, "ROOT", tmp_path)
    seen = {native.digest()}
    for place in places:
        (tmp_path / place).write_text("pass  # edited\n")
        seen.add(native.digest())
    (tmp_path / "dtn/new.py").write_text("")
    seen.add(native.digest())
    assert len(seen) == 5


def test_a_cache_that_cannot_be_loaded_is_none(tmp_path: Path) -> None:
    spoilt = native.compiled_file(tmp_path / native.digest(), native.LIBRARY)
    spoilt.parent.mkdir()
    spoilt.write_bytes(b"half of it")
    run = python("import nodes.express; print(nodes.express.__file__)", str(tmp_path))
    assert run.stdout.strip() == str(native.source_of("nodes.express"))


@pytest.mark.parametrize("environment", [{"CC": "no-such-compiler"}])
def test_without_a_compiler_a_line_says_what_is_missing(
    environment: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("mypyc")
    pytest.importorskip("setuptools")
    monkeypatch.setenv(native.VARIABLE, str(tmp_path))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    compile_modules.compile_modules()
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert "no C compiler: there is no no-such-compiler" in said
    assert list(tmp_path.iterdir()) == []


def test_classes_of_compiled_modules_have_subclasses_in_compiled_modules_only() -> None:
    trees = {
        ".".join(file.relative_to(native.ROOT).with_suffix("").parts): ast.parse(file.read_text())
        for package in ("dtn", "topology", "nodes", "emulator")
        for file in (native.ROOT / package).rglob("*.py")
    }
    classes = {
        node.name
        for module in native.MODULES
        for node in trees[module].body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    }
    outside = {
        f"{module}.{node.name}"
        for module, tree in trees.items()
        if module not in native.MODULES
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for base in node.bases
        if isinstance(base, ast.Name) and base.id in classes
    }
    assert outside == set()


def test_the_modules_are_where_their_list_says() -> None:
    assert [name for name in native.MODULES if not native.source_of(name).exists()] == []
    assert list(native.MODULES) == sorted(native.MODULES)


@pytest.mark.slow
def test_modules_are_compiled_into_an_empty_cache_and_used(tmp_path: Path) -> None:
    pytest.importorskip("mypyc")
    if compile_modules.why_not():
        pytest.skip(compile_modules.why_not())
    python("from emulator.compile_modules import compile_modules as c; c()", str(tmp_path))
    assert [folder.name for folder in tmp_path.iterdir()] == [native.digest()]
    run = python("import nodes.express; print(nodes.express.__file__)", str(tmp_path))
    assert run.stdout.strip().startswith(str(tmp_path))
