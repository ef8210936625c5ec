"""A page: one HTML document that needs no network and no server, with cards, tables and figures.

plotly's JavaScript is taken from its package and stands in the page once. A content security policy
lets only the page's own two scripts run, by their digests, and lets it load nothing. Whoever gives
text to these functions has escaped it; titles of pages are escaped here.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib import resources

from plotly.offline import get_plotlyjs

from emulator.reports.figures import Figure

_TAGS = re.compile(r"<[^>]*>")
_FIGURES = '<script type="application/json" id="figures">'


def page(
    title: str,
    facts: Sequence[str],
    places: Iterable[tuple[str, str]],
    body: str,
    figures: Mapping[str, Figure],
    footer: str,
) -> str:
    """The whole document.

    Args:
        title: what the page is about, as it is.
        facts: what stands below the title.
        places: sections to jump to, by key, and what to call them; those there are not are left out.
        body: cards and sections.
        figures: each figure by the key of its place in the body.
        footer: what stands at the end.
    """
    files = resources.files("emulator.reports")
    style = (files / "page.css").read_text(encoding="utf-8")
    script = (files / "page.js").read_text(encoding="utf-8")
    plotly = str(get_plotlyjs()).replace("</script", "<\\/script")
    data = json.dumps(figures, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    name = escape(title)
    policy = (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:; "
        f"script-src {_digest(plotly)} {_digest(script)}"
    )
    links = "".join(
        f'<a href="#{key}">{called}</a>' for key, called in places if f'id="{key}"' in body
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{name} · Lightlag</title>
<style>{style}</style>
</head>
<body>
<header><div>
<h1>{name}</h1>
<p>{" · ".join(facts)}</p>
<nav aria-label="Sections">{links}</nav>
<button id="theme" type="button" aria-label="Switch between light and dark">Dark</button>
</div></header>
<main>
{body}
</main>
<footer>{footer}</footer>
{_FIGURES}{data}</script>
<script>{plotly}</script>
<script>{script}</script>
</body>
</html>
"""


def figures_in(text: str) -> dict[str, Figure]:
    """The figures of a page that `page` made, by key."""
    data = text.partition(_FIGURES)[2].partition("</script>")[0]
    found: dict[str, Figure] = json.loads(data)
    return found


def _digest(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def card_list(cards: Iterable[tuple[str, str, str]]) -> str:
    """Numbers to see first: title, value, remark."""
    items = "".join(
        f"<div><dt>{title}</dt><dd>{value}<small>{small}</small></dd></div>"
        for title, value, small in cards
    )
    return f'<dl class="cards">{items}</dl>'


def command(text: str) -> str:
    """What to type, as it is."""
    return f'<pre tabindex="0" role="region" aria-label="Command">{escape(text)}</pre>'


def section(key: str, title: str, content: str, lead: str = "") -> str:
    """A section that can be jumped to by its key."""
    lead = f'<p class="lead">{lead}</p>' if lead else ""
    return f'<section id="{key}"><h2>{title}</h2>{lead}{content}</section>'


def chart(figures: Mapping[str, Figure], key: str, title: str, lead: str, after: str = "") -> str:
    """A section with the figure of this key; "" if there is none."""
    figure = figures.get(key)
    if figure is None:
        return ""
    layout = figure["layout"]
    height = layout["height"] if isinstance(layout, dict) else 400
    place = (
        f'<div class="chart" id="{key}" role="img" aria-label="{title}" '
        f'style="min-height:{height}px"></div>'
    )
    return section(f"{key}-section", title, place + after, lead)


def table(caption: Sequence[str], rows: Iterable[Sequence[str]], words: int) -> str:
    """A table whose first `words` columns are text."""

    def cells(tag: str, row: Sequence[str]) -> str:
        return "".join(
            f"<{of}{' class=left' if place < words else ''}>{cell}</{of}>"
            for place, cell in enumerate(row)
            for of in (tag if cell else "td",)
        )

    head = f"<thead><tr>{cells('th', caption)}</tr></thead>"
    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    about = _TAGS.sub("", ", ".join(filter(None, caption)))
    frame = f'<div class="scroll" tabindex="0" role="region" aria-label="Table: {about}">'
    return f"{frame}<table>{head}<tbody>{body}</tbody></table></div>"
