"""The documentation does what it says: every command of every page, and every link between pages."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import typer
from markdown_it import MarkdownIt
from pages import ROOT, Walk, commands, fences, is_among, lightlag_calls, pages
from typer.core import TyperGroup

from emulator.cli import app

TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
LANGUAGES = {"", "console", "python", "toml", "json", "yaml", "text", "csv", "promql"}


def _text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("page", pages())
def test_what_a_page_says_can_be_done_as_it_stands(page: str, tmp_path: Path) -> None:
    Walk(tmp_path).follow(page)


@pytest.mark.parametrize("page", pages())
def test_commands_and_options_of_a_page_exist(page: str) -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    for fence in fences(_text(page)):
        if fence.language != "console":
            continue
        found = list(commands(fence.text))
        assert found, f"{page}:{fence.line}: a console fence without a command behind `$ `"
        for command in found:
            for target in re.findall(r"^make ([a-z-]+)", command.text):
                assert target in TARGETS
            for name, *words in lightlag_calls(command.text):
                if name.startswith("-"):
                    continue
                assert name in group.commands, f"{page}: lightlag {name}"
                called = group.commands[name]
                called.make_parser(typer.Context(called)).parse_args(words)


@pytest.mark.parametrize("page", pages())
def test_links_of_a_page_lead_somewhere(page: str) -> None:
    tokens = MarkdownIt().parse(_text(page))
    inline = [child for token in tokens for child in token.children or ()]
    targets = [str(token.attrs.get("href") or token.attrs.get("src") or "") for token in inline]
    for target in filter(None, targets):
        parts = urlsplit(target)
        if parts.scheme in ("http", "https", "mailto") or not parts.path:
            continue
        path = (ROOT / page).parent / parts.path
        is_made = "generated/" in parts.path or path.suffix == ".html"
        assert path.exists() or is_made, f"{page} links to {target}"


@pytest.mark.parametrize("page", pages())
def test_fences_of_a_page_say_what_they_hold(page: str) -> None:
    for fence in fences(_text(page)):
        known = fence.language in LANGUAGES or fence.language.startswith("{")
        assert known, f"{page}:{fence.line}: {fence.language}"
        if fence.language == "":
            assert not re.search(r"^\$? ?lightlag ", fence.text, re.MULTILINE), (
                f"{page}:{fence.line}: commands belong into a `console` fence, behind `$ `"
            )


def test_what_a_page_says_is_printed_is_looked_for_in_order() -> None:
    printed = "flow   sourced\nalpha   12 in 3.4 s\nbeta  7\n"
    assert is_among(["alpha 12 in ... s", "beta 7"], printed)
    assert not is_among(["beta 7", "alpha 12 in ... s"], printed)
    assert not is_among(["alpha 13"], printed)


def test_commands_are_what_stands_behind_a_dollar_and_what_follows_is_their_output() -> None:
    text = "$ lightlag run a.toml \\\n    --until 1d  # a day\nall is well\n\n$ echo lightlag\n"
    first, second = commands(text)
    assert first.expected == ["all is well"]
    assert list(lightlag_calls(first.text)) == [["run", "a.toml", "--until", "1d"]]
    assert second.text == "echo lightlag"
