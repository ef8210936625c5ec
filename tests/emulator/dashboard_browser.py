"""A real browser on the dashboard: for its tests, and for the README's picture.

python tests/emulator/dashboard_browser.py DIR FILE.png [AT]: a screenshot of the replay of a run at AT.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from emulator.dashboard.serving import Serving
from emulator.dashboard.watch import replay_session
from emulator.one_process import until_seconds

CHROMIUM = Path("/usr/bin/chromium")
WIDE, NARROW, PICTURE = (1280, 860), (390, 844), (1280, 1010)
SHOWN = "mars"
"""Part of the name of the node that the picture has selected."""


@contextmanager
def chromium() -> Iterator[Any]:
    """Debian's Chromium, driven by playwright."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"]
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def page_of(browser: Any, url: str, size: tuple[int, int] = WIDE) -> Iterator[Any]:
    """The page, when it shows something; what its console said stands in `page.complaints`."""
    page = browser.new_page(viewport={"width": size[0], "height": size[1]})
    page.complaints = []
    page.on("console", lambda said: page.complaints.append(f"{said.type}: {said.text}"))
    page.on("pageerror", lambda fault: page.complaints.append(str(fault)))
    try:
        page.goto(url)
        page.locator("#mode:not(:text('connecting'))").wait_for(timeout=10_000)
        yield page
    finally:
        page.close()


def screenshot(folder: Path, at_s: float, file: Path) -> None:
    """Write a picture of the page that replays a run, standing at a moment."""
    session = replay_session(folder, 60.0, at_s, paused=True)
    with (
        Serving(session) as serving,
        chromium() as browser,
        page_of(browser, serving.url, PICTURE) as page,
    ):
        page.locator("#nodes").get_by_role("button", name=SHOWN).first.click()
        page.wait_for_timeout(1000)
        page.screenshot(path=str(file))


if __name__ == "__main__":
    moment = until_seconds(sys.argv[3]) if len(sys.argv) > 3 else 0.0
    screenshot(Path(sys.argv[1]), moment or 0.0, Path(sys.argv[2]))
