"""The documentation is built without a warning and without a network, and its figures are those of the program."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from pages import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("sphinx", reason="sphinx is not installed: pip install -e '.[docs]'")
    folder = tmp_path_factory.mktemp("docs")
    # any connection at all would be an error
    lock = "import socket; socket.socket.connect = None; import sys; from sphinx.cmd.build import main; "
    words = ["-W", "--keep-going", "-q", "-b", "html", str(ROOT / "docs"), str(folder)]
    subprocess.run([sys.executable, "-c", f"{lock}sys.exit(main({words!r}))"], check=True)
    return folder


def test_every_page_is_built_and_loads_nothing_from_elsewhere(built: Path) -> None:
    pages = sorted(built.rglob("*.html"))
    assert len(pages) > 15
    for page in pages:
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|img|link|iframe)[^>]*(?:src|href)=\"(https?:[^\"]+)", text)
        assert loaded == [], page.name


def test_the_scenario_reference_has_every_key_and_the_command_reference_every_command(
    built: Path,
) -> None:
    from typer.main import get_command

    from emulator.cli import app
    from emulator.scenario import json_schema

    schema = json_schema()
    text = (built / "generated" / "scenario.html").read_text(encoding="utf-8")
    for table in (schema, *schema["$defs"].values()):
        for key in table.get("properties", {}):
            assert f">{key}<" in text, key
    text = (built / "generated" / "commands.html").read_text(encoding="utf-8")
    for name in get_command(app).commands:  # type: ignore[attr-defined]
        assert f"lightlag {name}" in text


def test_the_figures_are_those_that_their_command_draws(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, str(ROOT / "docs" / "figures.py"), str(tmp_path)], cwd=ROOT, check=True
    )
    kept = ROOT / "docs" / "figures"
    assert {file.name for file in tmp_path.iterdir()} <= {file.name for file in kept.iterdir()}
    for file in tmp_path.iterdir():
        drawn, before = ElementTree.parse(file).getroot(), ElementTree.parse(kept / file.name)
        assert drawn.attrib == before.getroot().attrib, f"draw {file.name} anew: make figures"
