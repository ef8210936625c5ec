"""The example notebooks, executed: for the tests, and as pages with what their cells show.

A cell is run as a kernel would: statements, then the value of the last expression, which is shown
as the richest of what it offers (a plotly figure, HTML, text). What is printed is kept. Outputs are
never stored in the notebooks themselves.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parents[1] / "notebooks"
PLOTLY = "plotly.min.js"


class Shown(NamedTuple):
    """A cell, and what came of it.

    Args:
        kind: markdown or code.
        source: what is in it.
        printed: what it printed.
        value: of its last expression; None for none.
    """

    kind: str
    source: str
    printed: str
    value: object


def names() -> list[str]:
    """The notebooks there are, without their ending."""
    return sorted(file.stem for file in FOLDER.glob("*.ipynb"))


def execute(name: str) -> Iterator[Shown]:
    """Run a notebook cell by cell, in its own folder."""
    document = json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))
    namespace: dict[str, object] = {"__name__": "__notebook__"}
    with contextlib.chdir(FOLDER):
        for number, cell in enumerate(document["cells"]):
            source = "".join(cell["source"])
            if cell["cell_type"] != "code":
                yield Shown("markdown", source, "", None)
                continue
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                value = _value(source, f"{name}[{number}]", namespace)
            yield Shown("code", source, printed.getvalue(), value)


def _value(source: str, where: str, namespace: dict[str, object]) -> object:
    tree = ast.parse(source, where)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, where, "exec"), namespace)
    if last is None:
        return None
    return eval(compile(ast.Expression(last.value), where, "eval"), namespace)


def page(name: str) -> str:
    """A notebook as a page of the documentation, with what its cells show."""
    parts = []
    for shown in execute(name):
        if shown.kind == "markdown":
            parts.append(shown.source)
            continue
        parts.append(f"```python\n{shown.source}\n```")
        if shown.printed.strip():
            parts.append(_raw(f'<pre class="printed">{escape(shown.printed.rstrip())}</pre>'))
        if shown.value is not None:
            parts.append(_raw(_html(shown.value)))
    script = _raw(f'<script src="../../_static/{PLOTLY}"></script>')
    note = f"*This is `notebooks/{name}.ipynb`, executed when the documentation was built.*"
    return "\n\n".join([parts[0], note, script, *parts[1:]]) + "\n"


def _html(value: object) -> str:
    import plotly.graph_objects as go

    if isinstance(value, go.Figure):
        return str(
            value.to_html(full_html=False, include_plotlyjs=False, config={"displayModeBar": False})
        )
    rich = getattr(value, "_repr_html_", None)
    return (
        f'<div class="shown">{rich()}</div>'
        if rich
        else f'<pre class="printed">{escape(repr(value))}</pre>'
    )


def _raw(html: str) -> str:
    lines = "\n".join(line for line in html.splitlines() if line.strip())
    return f"```{{raw}} html\n{lines}\n```"


def write(folder: Path, static: Path) -> None:
    """Write every notebook's page, and plotly's JavaScript for them, where they are older than the notebooks."""
    from plotly.offline import get_plotlyjs

    folder.mkdir(parents=True, exist_ok=True)
    static.mkdir(parents=True, exist_ok=True)
    if not (static / PLOTLY).exists():
        (static / PLOTLY).write_text(get_plotlyjs(), encoding="utf-8")
    for name in names():
        made = folder / f"{name}.md"
        if not made.exists() or made.stat().st_mtime < (FOLDER / f"{name}.ipynb").stat().st_mtime:
            made.write_text(page(name), encoding="utf-8")
