"""Pages whose commands are run: fences of `console` and `python`, in order, in one folder a page.

    $ lightlag run ...         each command of a `console` fence must succeed; the lines below it, if any,
    7 rows ...                 must be among what it prints, in this order, `...` standing for anything
    <!-- file: NAME -->        before a fence: its text is written to NAME in the page's folder
    <!-- append: NAME -->      before a fence: its text is put at the end of NAME
    <!-- below: NAME KEY -->   before a fence: its text is put below the first line of NAME that begins with KEY
    <!-- not run: why -->      before a fence: its commands are only read (do command and options exist?)
    <!-- exit: 2 -->           before a fence: its commands end with this code

Python fences of a page share one namespace. `lightlag dashboard` is started, asked for its page, and stopped.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
GENERATED = {"docs/conformance.md"}
PATIENCE_S = 900.0
_REMARK = re.compile(r"<!--\s*(file|append|below|not run|exit):\s*(.*?)\s*-->")


class Fence(NamedTuple):
    """A fenced block, and what the comment before it says."""

    language: str
    text: str
    line: int
    remarks: dict[str, str]


class Command(NamedTuple):
    """One command of a console fence, and what it is to print."""

    text: str
    expected: list[str]


def pages() -> list[str]:
    """All pages that people read, from the repository's root."""
    found = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    names = [page.relative_to(ROOT).as_posix() for page in found]
    return [
        name for name in names if name not in GENERATED and not name.startswith("docs/generated/")
    ]


def fences(text: str) -> Iterator[Fence]:
    """The fenced blocks of a page, those in lists too."""
    remarks: dict[str, str] = {}
    for token in MarkdownIt().parse(text):
        if token.type == "html_block":
            remarks.update(_REMARK.findall(token.content))
        elif token.type == "fence":
            line = (token.map or [0])[0] + 1
            yield Fence(token.info.strip(), token.content, line, remarks)
            remarks = {}


def commands(text: str) -> Iterator[Command]:
    """The commands of a console fence."""
    command: Command | None = None
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith("$ "):
            if command is not None:
                yield command
            words = line[2:]
            while words.endswith("\\"):
                words += "\n" + next(lines)
            command = Command(words, [])
        elif command is not None and line.strip():
            command.expected.append(line)
    if command is not None:
        yield command


def lightlag_calls(text: str) -> Iterator[list[str]]:
    """The arguments of each `lightlag` in a command of the shell."""
    words = shlex.split(text.replace("\\\n", " "), comments=True)
    ends = {"&&", "||", ";", "|", ">", ">>", "2>", "&"}
    while "lightlag" in words:
        words = words[words.index("lightlag") + 1 :]
        end = next((place for place, word in enumerate(words) if word in ends), len(words))
        yield words[:end]


def is_among(expected: list[str], printed: str) -> bool:
    """Whether the lines are in the text, in order; `...` is anything, and blanks are one blank."""
    place = 0
    squeezed = " ".join(printed.split())
    for line in expected:
        parts = (re.escape(" ".join(part.split())) for part in line.split("..."))
        found = re.compile(".*?".join(parts)).search(squeezed, place)
        if found is None:
            return False
        place = found.end()
    return True


class Walk:
    """Does what a page says, in a folder of its own that has the repository's scenarios.

    Args:
        folder: an empty one.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._namespace: dict[str, object] = {"__name__": "__page__"}
        shutil.copytree(ROOT / "scenarios", folder / "scenarios")
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self._environment = {**os.environ, "PATH": path, "COLUMNS": "100"}

    def follow(self, page: str) -> None:
        """Go through a page.

        Raises:
            AssertionError: a command failed, or printed something else than the page says.
        """
        for fence in fences((ROOT / page).read_text(encoding="utf-8")):
            self.do(fence, f"{page}:{fence.line}")

    def do(self, fence: Fence, where: str) -> None:
        """Do what one fence says."""
        if "not run" in fence.remarks:
            return
        if name := fence.remarks.get("file") or fence.remarks.get("append"):
            path = self._folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a" if "append" in fence.remarks else "w", encoding="utf-8") as file:
                file.write(fence.text)
        elif below := fence.remarks.get("below"):
            name, key = below.split()
            lines = (self._folder / name).read_text(encoding="utf-8").splitlines(keepends=True)
            place = next(place for place, line in enumerate(lines) if line.startswith(key))
            lines.insert(place + 1, fence.text)
            (self._folder / name).write_text("".join(lines), encoding="utf-8")
        elif fence.language == "console":
            for command in commands(fence.text):
                self._run(command, int(fence.remarks.get("exit", "0")), where)
        elif fence.language == "python":
            with contextlib.chdir(self._folder):
                exec(compile(fence.text, where, "exec"), self._namespace)

    def _run(self, command: Command, code: int, where: str) -> None:
        if command.text.startswith("lightlag dashboard "):
            self._look_at(command.text, where)
            return
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", command.text],
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        said = f"{where}: {command.text}\nended with {done.returncode}, printed:\n{done.stdout}"
        assert done.returncode == code, said
        assert is_among(command.expected, done.stdout), f"{said}\nexpected: {command.expected}"

    def _look_at(self, text: str, where: str) -> None:
        """A dashboard: is its page there, and does it end when it is told to?"""
        port = [] if "--port" in text else ["--port", "0"]
        words = [*shlex.split(text, comments=True), *port]
        with subprocess.Popen(
            words, cwd=self._folder, env=self._environment, stdout=subprocess.PIPE, text=True
        ) as served:
            assert served.stdout is not None
            try:
                line = served.stdout.readline()
                assert line.startswith("dashboard: http://"), f"{where}: {text}: {line}"
                url = line.split()[1].replace("0.0.0.0", "127.0.0.1")
                with urllib.request.urlopen(url, timeout=10) as page:
                    assert b"Lightlag" in page.read()
            finally:
                served.send_signal(signal.SIGINT)
            assert served.wait(30) == 0, where
