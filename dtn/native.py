"""Native: modules of the hot path in the compiled form that `python -m emulator.compile_ahead` has made of them.

The Python source is the reference, and runs as it is wherever nothing fits. Compiled modules lie in the user's cache,
never beside the sources, in a folder whose name is a digest of all sources that they were made from, of where these
lie, and of this Python: who edits one of them runs what is written, not what was (docs/adr/0008).

`LIGHTLAG_COMPILED=0` turns it off; the path of a folder says where to look instead of in the cache.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

VARIABLE = "LIGHTLAG_COMPILED"
GROUP = "lightlag"
LIBRARY = f"{GROUP}__mypyc"
"""All compiled modules are in this one, the others are doors into it: calls between them are calls in C."""

ROOT = Path(__file__).parent.parent
"""The folder with the packages."""

SOURCES = ("dtn", "nodes")
"""Packages that compiled modules are made from: modules in them are listed, or give types to those that are."""

MODULES = (
    "dtn.bpa.agent",
    "dtn.bpa.blocks",
    "dtn.bpa.deadlines",
    "dtn.bpa.delivery",
    "dtn.bpa.front",
    "dtn.bpa.holdings",
    "dtn.bpa.on_hold",
    "dtn.bpa.procedures",
    "dtn.bpa.records",
    "dtn.bpa.request",
    "dtn.bpa.route_record",
    "dtn.bundle",
    "dtn.cbor",
    "dtn.codec",
    "dtn.eid",
    "dtn.heap",
    "dtn.routing.best_route",
    "dtn.routing.candidate",
    "dtn.routing.engine",
    "dtn.routing.few_hops",
    "dtn.routing.index",
    "dtn.routing.own_contacts",
    "dtn.routing.query",
    "dtn.routing.queue",
    "dtn.routing.route",
    "dtn.routing.route_cache",
    "dtn.routing.search",
    "dtn.routing.strategies.direct",
    "dtn.routing.strategies.first_contact",
    "dtn.routing.strategies.sabr",
    "dtn.routing.ties",
    "dtn.routing.verdict",
    "dtn.routing.view",
    "dtn.stored_bundle",
    "nodes.agenda",
    "nodes.channel.local",
    "nodes.convergence.whole_bundle",
    "nodes.express",
    "nodes.in_hand",
    "nodes.links",
    "nodes.node",
    "nodes.spacecraft.exposed",
)
"""Modules that are compiled: those that S20 spends its time in, and whatever has subclasses of their classes."""


class CompiledFinder:
    """Finds the modules that have been compiled; all others are left to Python's own finders.

    Nothing is looked up before the first listed module is imported.
    """

    def __init__(self) -> None:
        self._files: dict[str, Path] | None = None

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Where the compiled form of a module is; None if it has none that fits."""
        if name not in _LISTED:
            return None
        if self._files is None:
            self._files = _found()
        file = self._files.get(name)
        return None if file is None else spec_from_file_location(name, file)

    def is_in_use(self) -> bool:
        """Whether there are compiled modules that fit; loads the library they are in."""
        if self._files is None:
            self._files = _found()
        return bool(self._files)


_LISTED = frozenset(MODULES)
FINDER = CompiledFinder()


def install() -> None:
    """Let compiled modules be found before their sources."""
    if FINDER not in sys.meta_path and os.environ.get(VARIABLE) != "0":
        sys.meta_path.insert(0, FINDER)


def is_in_use() -> bool:
    """Whether this process runs compiled modules."""
    return FINDER in sys.meta_path and FINDER.is_in_use()


def is_compiled(name: str) -> bool:
    """Whether this module runs, or would run, in its compiled form."""
    return FINDER in sys.meta_path and FINDER.find_spec(name) is not None


def cache() -> Path:
    """The folder with the folders of compiled modules."""
    named = os.environ.get(VARIABLE, "")
    if named.startswith("/"):
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".cache") / "lightlag/compiled"


def digest() -> str:
    """What modules compiled from these sources for this Python go by.

    Raises:
        OSError: a source cannot be read.
    """
    import hashlib  # 5 ms that nobody needs who runs no hot path

    made = hashlib.blake2b(digest_size=16)
    for text in (sys.version, EXTENSION_SUFFIXES[0], str(ROOT), *MODULES):
        made.update(text.encode() + b"\0")
    for file in _sources():
        octets = file.read_bytes()
        made.update(f"{file}\0{len(octets)}\0".encode() + octets)
    return made.hexdigest()


def compiled_file(folder: Path, name: str) -> Path:
    """Where the compiled form of a module is in a folder of them."""
    return folder / (name.replace(".", "/") + EXTENSION_SUFFIXES[0])


def source_of(name: str) -> Path:
    """The source of a module."""
    return ROOT / (name.replace(".", "/") + ".py")


def _sources() -> Iterator[Path]:
    for package in SOURCES:
        yield from sorted((ROOT / package).rglob("*.py"))


def _found() -> dict[str, Path]:
    """The files of compiled modules that fit, by module; none where they cannot be loaded."""
    try:
        if not cache().is_dir():
            return {}
        folder = cache() / digest()
        if not folder.is_dir():
            return {}
        spec = spec_from_file_location(LIBRARY, compiled_file(folder, LIBRARY))
        if spec is None or spec.loader is None:
            return {}
        library = module_from_spec(spec)
        spec.loader.exec_module(library)
    except (OSError, ImportError, RuntimeError):  # made for another machine, or spoilt
        return {}
    sys.modules[LIBRARY] = library
    return {name: compiled_file(folder, name) for name in MODULES}
