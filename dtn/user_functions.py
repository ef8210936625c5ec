"""Functions of the user's, found by what a file or a command line says of them.

A strategy, a placement policy, a model: each is a name that Lightlag knows, the name of an entry point of another
package, or `my_file.py:function`. The same words find all of them, with the same faults.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Generic, TypeVar

from dtn.errors import BadInput, Fault

T = TypeVar("T")
Function = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """One kind of function that users may bring.

    Args:
        word: what it is called, in files and messages: "strategy".
        known: those that are registered, by name.
        known_as: what a function was registered as; what it is under this name, if it was not.
        group: of entry points.
        own: module that registers those that come with Lightlag.
    """

    word: str
    known: Mapping[str, T]
    known_as: Callable[[Function, str], T]
    group: str
    own: str

    def find(self, spec: str, where: str = "") -> T:
        """By name, by entry point, or as `my_file.py:function`.

        Args:
            spec: what the user wrote.
            where: the file that named it, for the message.

        Raises:
            BadInput: there is no such function.
        """
        importlib.import_module(self.own)
        if spec in self.known:
            return self.known[spec]
        path, colon, name = spec.rpartition(":")
        if colon and path.endswith(".py"):
            return self.known_as(from_file(spec, self.word, where), name)
        for entry_point in metadata.entry_points(group=self.group):
            if entry_point.name == spec:
                return self.known_as(_from_entry_point(spec, entry_point, self.word, where), spec)
        mend = f"choose one of {', '.join(sorted(self.known))}, or give my_file.py:function"
        raise BadInput(Fault(where, self.word, spec, mend))


def from_file(spec: str, word: str, where: str = "") -> Function:
    """The function of `my_file.py:function`; the file is run.

    Raises:
        BadInput: no such file or function, or it does not import.
    """
    text, _, name = spec.rpartition(":")
    path = Path(text)
    if not path.is_file():
        raise BadInput(Fault(where, word, spec, f"there is no file {path}"))
    module_name = f"lightlag_{word}_{path.stem}"
    module_spec = importlib.util.spec_from_file_location(module_name, path)
    assert module_spec is not None
    assert module_spec.loader is not None
    module = importlib.util.module_from_spec(module_spec)
    sys.modules[module_name] = module
    try:
        module_spec.loader.exec_module(module)
    except (Exception, SystemExit) as fault:
        raise BadInput(Fault(str(path), "", "", f"does not import: {fault!r}")) from fault
    function: Function | None = getattr(module, name, None)
    if not callable(function):
        raise BadInput(Fault(str(path), "", "", f"has no function {name!r}"))
    return function


def from_module(spec: str, word: str, where: str = "") -> Function:
    """The function of `my_file.py:function` or of `package.module:function`.

    Raises:
        BadInput: no such file, module or function, or it does not import.
    """
    path, colon, name = spec.rpartition(":")
    if not colon:
        mend = "give my_file.py:function or package.module:function"
        raise BadInput(Fault(where, word, spec, mend))
    if path.endswith(".py"):
        return from_file(spec, word, where)
    try:
        function: Function | None = getattr(importlib.import_module(path), name, None)
    except (Exception, SystemExit) as fault:
        raise BadInput(Fault(where, word, spec, f"does not import: {fault!r}")) from fault
    if not callable(function):
        raise BadInput(Fault(where, word, spec, f"{path} has no function {name!r}"))
    return function


def _from_entry_point(
    spec: str, entry_point: metadata.EntryPoint, word: str, where: str
) -> Function:
    """What another package offers: a decorated function, or a plain one that takes its name from the entry."""
    try:
        function: Function = entry_point.load()
    except (Exception, SystemExit) as fault:
        mend = f"the entry point {entry_point.value} does not load: {fault!r}"
        raise BadInput(Fault(where, word, spec, mend)) from fault
    if not callable(function):
        mend = f"the entry point {entry_point.value} is no function"
        raise BadInput(Fault(where, word, spec, mend))
    return function
