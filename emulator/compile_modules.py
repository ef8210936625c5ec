"""Compile the modules of the hot path by mypyc and a C compiler, into the cache where `dtn.native` finds them.

Made in a folder of its own, and given its name when it is whole: a process sees all of it or nothing.
"""

from __future__ import annotations

import importlib.util
import io
import os
import shutil
import sys
import sysconfig
import tempfile
from contextlib import redirect_stdout
from pathlib import Path

from dtn import native

MOST_KEPT = 8
"""Folders in the cache: of other trees, other Pythons, sources as they were."""

TYPES = """
[mypy]
ignore_errors = True
[mypy-numpy.*,numba.*,scipy.*,skyfield.*,networkx.*,cryptography.*,crc32c.*,dtn.routing.compiled,dtn.routing.compiled_routes,dtn.routing.compiled_arrays]
follow_imports = skip
"""
"""mypy's configuration: `make check` is where types are checked; packages that take long to read are left out."""

FLAGS = ("-O2", "-g0", "-w")


def why_not() -> str:
    """What is missing to compile modules here; empty if nothing is."""
    missing = [name for name in ("mypyc", "setuptools") if importlib.util.find_spec(name) is None]
    if missing:
        return f"{' and '.join(missing)} not installed: pip install 'lightlag[fast]'"
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
    if shutil.which(compiler) is None:
        return f"no C compiler: there is no {compiler}"
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        return "no headers of Python (python3-dev)"
    return ""


def compile_modules() -> None:
    """Compile them, unless that has been done or cannot be; says in a line what it did."""
    reason = why_not()
    if reason:
        print(f"the hot path stays interpreted, the same but slower: {reason}")
        return
    name = native.digest()
    kept = native.cache()
    if (kept / name).is_dir():
        print(f"compiled modules are in {kept / name}")
        return
    kept.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".making-", dir=kept) as making:
        made = Path(making) / "made"
        try:
            _make(Path(making), made)
        except RuntimeError as fault:  # a setup without them is whole all the same
            print(f"the hot path stays interpreted, the same but slower: {fault}")
            return
        if native.digest() != name:
            print("a source was changed meanwhile: compile again")
            return
        try:
            made.rename(kept / name)
        except OSError:  # another process was sooner
            return
    _forget(kept)
    print(f"{len(native.MODULES)} modules compiled into {kept / name}")


def _make(making: Path, made: Path) -> None:
    """Compile in a folder of its own, out of reach of any project's configuration."""
    (making / "mypy.ini").write_text(TYPES, encoding="utf-8")
    os.chdir(making)
    import setuptools
    from mypyc.build import mypycify

    sources = [str(native.source_of(name)) for name in native.MODULES]
    said = io.StringIO()
    try:
        with redirect_stdout(said):
            extensions = mypycify(
                ["--config-file", "mypy.ini", *sources], debug_level="0", group_name=native.GROUP
            )
            for extension in extensions:
                extension.extra_compile_args = list(FLAGS)
            setuptools.setup(
                name=native.GROUP,
                packages=[],
                ext_modules=extensions,
                script_args=["-q", "build_ext", "--build-lib", str(made), "--build-temp", "temp"],
            )
    except SystemExit as fault:
        print(said.getvalue(), file=sys.stderr)
        raise RuntimeError(f"its modules could not be compiled: {fault}") from fault
    os.chdir("/")


def _forget(kept: Path) -> None:
    """Keep the newest."""
    folders = sorted(kept.iterdir(), key=lambda folder: folder.stat().st_mtime, reverse=True)
    for folder in folders[MOST_KEPT:]:
        shutil.rmtree(folder, ignore_errors=True)
