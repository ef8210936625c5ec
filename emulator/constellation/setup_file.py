"""The setup as a file: what a node's process is given instead of a scenario.

Everything is resolved and every contact precomputed, so that who reads it needs no ephemeris, no
scenario reader and no numpy. Two lines of JSON: what it is, with the SHA-256 of the second line and
that of the whole run's setup, by which all its processes know that they have the same; and the setup
itself, field by field.

The fields are those of the dataclasses, read back by their types, so a field more there needs
nothing here. A number that is not finite is written as text; octets as hexadecimal; where a field
may be one of several classes, "is" names it.

Refused: a file that was changed, or is of another version. The keys of bundle security are in it in
the clear: `for_node` leaves out those that are no business of a node's.
"""

from __future__ import annotations

import hashlib
import json
import math
import types
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass, replace
from datetime import datetime
from enum import Enum
from functools import cache
from importlib.metadata import version
from inspect import signature
from pathlib import Path
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from dtn.bpsec.policy import SecurityRule
from dtn.errors import BadInput, Fault
from emulator.files import replace_text
from emulator.setup import Setup

FORMAT = "lightlag-setup"


class SetupFile(NamedTuple):
    """A setup and the digest by which processes know that they have the same.

    Args:
        setup: what is to be run.
        sha256: of the setup of the run, keys left out: the same for all its nodes.
    """

    setup: Setup
    sha256: str


def digest(setup: Setup) -> str:
    """What is equal for all nodes of a run: the digest of the setup without its keys."""
    ltp = setup.ltp and replace(setup.ltp, authentication=None)
    return hashlib.sha256(_text(replace(setup, security=(), ltp=ltp)).encode()).hexdigest()


def for_node(setup: Setup, node: str) -> Setup:
    """The same, with the rules of security that concern this node, and no keys but its own."""
    rules = tuple(rule for rule in setup.security if rule.concerns(node))
    ltp = setup.ltp
    if ltp is not None and ltp.authentication is not None:
        ends = {(c.source, c.destination) for c in setup.plan.contacts}
        neighbours = {a if b == node else b for a, b in ends if node in (a, b)}
        ltp = replace(ltp, authentication=ltp.authentication.for_node(node, neighbours))
    return replace(setup, security=rules, ltp=ltp)


def save(setup: Setup, path: Path) -> None:
    """Write it whole or not at all."""
    replace_text(path, _whole(setup, digest(setup)))


def save_each(setup: Setup, paths: Mapping[str, Path]) -> None:
    """Write what each node is given; what is the same for many is encoded once.

    Args:
        setup: the run's.
        paths: of each file, by the name of the node, or of whom no rule of security concerns.
    """
    run_sha256 = digest(setup)
    is_signed = setup.ltp is not None and setup.ltp.authentication is not None
    known: dict[tuple[tuple[SecurityRule, ...], str], str] = {}
    for node, path in paths.items():
        mine = for_node(setup, node)
        key = mine.security, node if is_signed else ""
        if key not in known:
            known[key] = _whole(mine, run_sha256)
        replace_text(path, known[key])


def _whole(setup: Setup, run_sha256: str) -> str:
    text = _text(setup)
    header = {
        "format": FORMAT,
        "lightlag": version("lightlag"),
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "run_sha256": run_sha256,
    }
    return f"{json.dumps(header)}\n{text}\n"


def load(path: Path) -> SetupFile:
    """Read one back, equal to what was written.

    Raises:
        BadInput: no such file, another version's, or one that was changed.
    """
    try:
        first, text, rest = path.read_text(encoding="utf-8").split("\n")
        header = json.loads(first)
    except OSError as fault:
        raise _bad(path, "", f"cannot be read: {fault.strerror}") from None
    except ValueError:
        raise _bad(path, "", "is no setup; make one with lightlag compose or --processes") from None
    if not isinstance(header, dict) or header.get("format") != FORMAT or rest:
        raise _bad(path, "format", f"is no {FORMAT}; make one with lightlag compose")
    if header.get("lightlag") != version("lightlag"):
        mend = f"this is Lightlag {version('lightlag')}: make it anew with the same version"
        raise _bad(path, "lightlag", f"of version {header.get('lightlag')}; {mend}")
    if header.get("sha256") != hashlib.sha256(text.encode()).hexdigest():
        raise _bad(path, "sha256", "was changed after it was written; make it anew")
    try:
        return SetupFile(_read(Setup, json.loads(text)), str(header["run_sha256"]))
    except (KeyError, TypeError, ValueError) as fault:
        raise _bad(path, "", f"was written by another state of this version ({fault!r})") from None


def _bad(path: Path, key: str, mend: str) -> BadInput:
    return BadInput(Fault(str(path), key, "", mend))


# ------------------------------------------------------------------------------------- writing


def _text(setup: Setup) -> str:
    return json.dumps(_written(setup), separators=(",", ":"), sort_keys=True)


def _written(value: Any) -> Any:
    """A value as JSON has it; what `_read` gives back for the same type."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, Mapping):
        return [[_written(key), _written(item)] for key, item in value.items()]
    if isinstance(value, frozenset | set):
        return sorted(map(_written, value))
    if isinstance(value, tuple | list):
        return [_written(item) for item in value]
    if hasattr(value, "__dataclass_fields__"):
        written = {name: _written(getattr(value, name)) for name in _hints(value.__class__)}
        return {"is": type(value).__name__, **written}
    raise TypeError(f"a setup cannot have a {type(value).__name__}")


# ------------------------------------------------------------------------------------- reading


@cache
def _hints(kind: Any) -> dict[str, Any]:
    """Type by name of the fields that a dataclass is made from."""
    hints = get_type_hints(kind)
    return {name: hints[name] for name in signature(kind).parameters}


def _read(kind: Any, value: Any) -> Any:
    """A value of this type from JSON."""
    return _reader(kind)(value)


_FROM_PLAIN: dict[Any, Callable[[Any], Any]] = {
    float: float,
    datetime: datetime.fromisoformat,
    bytes: bytes.fromhex,
}


@cache
def _reader(kind: Any) -> Callable[[Any], Any]:
    """What makes a value of this type: worked out once, as there are contacts by the thousand."""
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _reader_of_one_of(get_args(kind))
    if kind in _FROM_PLAIN:
        return _FROM_PLAIN[kind]
    if origin is frozenset:
        item = _reader(get_args(kind)[0])
        return lambda value: frozenset(map(item, value))
    if origin is tuple:
        return _reader_of_tuple(get_args(kind))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        of_key, of_item = map(_reader, get_args(kind))
        return lambda value: {of_key(key): of_item(item) for key, item in value}
    if is_dataclass(kind):
        assert isinstance(kind, type)
        fields = [(name, _reader(hint)) for name, hint in _hints(kind).items()]
        return lambda value: kind(**{name: read(value[name]) for name, read in fields})
    if isinstance(kind, type) and issubclass(kind, Enum):
        return lambda value: kind[value]
    return lambda value: value


def _reader_of_tuple(kinds: tuple[Any, ...]) -> Callable[[Any], Any]:
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        item = _reader(kinds[0])
        return lambda value: tuple(map(item, value))
    items = [_reader(kind) for kind in kinds]
    return lambda value: tuple(read(each) for read, each in zip(items, value, strict=True))


def _reader_of_one_of(kinds: tuple[Any, ...]) -> Callable[[Any], Any]:
    """A class by its name; else of a list and a plain value each the one that can be it."""
    named = {getattr(kind, "__name__", ""): _reader(kind) for kind in kinds}
    of_list = [_reader(kind) for kind in kinds if get_origin(kind) in (tuple, frozenset)]
    plain = [_reader(k) for k in kinds if get_origin(k) not in (tuple, frozenset)]

    def read(value: Any) -> Any:
        if value is None:
            return None
        if isinstance(value, dict):
            return named[value["is"]](value)
        fitting = of_list if isinstance(value, list) else plain
        if not fitting:
            raise TypeError(f"none of {kinds} is a {type(value).__name__}")
        return fitting[0](value)

    return read
