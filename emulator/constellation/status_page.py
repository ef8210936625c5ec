"""A plain page about a constellation: which nodes are there, where the clock stands, what is late.

/              the page, which loads itself anew
/status.json   the same as JSON
/report.html   the report of what has happened so far, made when it is asked for
/healthz       "ok": for a container's health check
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypedDict

from dtn.errors import BadInput, Fault
from emulator.constellation.collector import Collector

RELOAD_S = 2


class NodeRow(TypedDict):
    """What the page says of one node."""

    node: str
    state: str
    events: int
    late_frames: int
    refused_frames: int
    timing_error_p50_ms: float
    timing_error_p99_ms: float
    clock_offset_ms: float | None
    memory_mb: float


class Status(TypedDict):
    """What the page says."""

    scenario: str
    emulated_s: float
    duration_s: float
    rate: float
    nodes: list[NodeRow]


def status_of(collector: Collector) -> Status:
    """How the constellation is."""
    rows = []
    for name, station in collector.stations.items():
        status = station.status
        offset_s = station.offset_s
        rows.append(
            NodeRow(
                node=name,
                state=status.state if status else "not here yet",
                events=len(station.lines),
                late_frames=status.late_frames if status else 0,
                refused_frames=status.refused_frames if status else 0,
                timing_error_p50_ms=round(1e3 * status.error_p50_s, 3) if status else 0.0,
                timing_error_p99_ms=round(1e3 * status.error_p99_s, 3) if status else 0.0,
                clock_offset_ms=None if offset_s is None else round(1e3 * offset_s, 3),
                memory_mb=status.memory_mb if status else 0.0,
            )
        )
    clock = collector.clock
    return Status(
        scenario=collector.setup.name,
        emulated_s=round(collector.emulated_s(), 3),
        duration_s=collector.setup.duration_s,
        rate=clock.rate if clock else 0.0,
        nodes=rows,
    )


class StatusPage:
    """An HTTP server in a thread.

    Args:
        collector: what it shows.
        host: address to listen at.
        port: and port; 0 for a free one.

    Raises:
        BadInput: the port is taken.
    """

    def __init__(self, collector: Collector, host: str, port: int) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answer = _answer(collector, self.path)
                kind, body = answer or ("text/plain", b"there is no such page\n")
                self.send_response(200 if answer else 404)
                self.send_header("Content-Type", f"{kind}; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Nobody reads it."""

        try:
            self._server = ThreadingHTTPServer((host, port), Handler)
        except OSError as fault:
            mend = f"cannot be had ({fault.strerror}): give another port"
            raise BadInput(Fault("", "--page", f"{host}:{port}", mend)) from None
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, name="page", daemon=True).start()

    def close(self) -> None:
        """No more pages."""
        self._server.shutdown()
        self._server.server_close()


def _answer(collector: Collector, path: str) -> tuple[str, bytes] | None:
    pages: dict[str, tuple[str, Callable[[], str]]] = {
        "/": ("text/html", lambda: _page(status_of(collector))),
        "/status.json": ("application/json", lambda: json.dumps(status_of(collector))),
        "/report.html": ("text/html", lambda: collector.result().page()),
        "/healthz": ("text/plain", lambda: "ok\n"),
    }
    if path not in pages:
        return None
    kind, make = pages[path]
    return kind, make().encode()


def _page(status: Status) -> str:
    part = status["emulated_s"] / status["duration_s"]
    head = "".join(f"<th>{escape(key.replace('_', ' '))}</th>" for key in NodeRow.__annotations__)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(str(value))}</td>" for value in row.values()) + "</tr>"
        for row in status["nodes"]
    )
    name = escape(status["scenario"])
    return f"""<!doctype html><html lang="en"><meta charset="utf-8">
<meta http-equiv="refresh" content="{RELOAD_S}"><title>{name}</title>
<style>body{{font:15px system-ui;margin:2em;max-width:70em}}td,th{{padding:.3em .8em;
text-align:right;border-bottom:1px solid #ccc}}td:first-child,th:first-child{{text-align:left}}
progress{{width:100%}}</style>
<h1>{name}</h1><p>{status["emulated_s"] / 3600:.2f} h of {status["duration_s"] / 3600:.2f} h,
at {status["rate"]:g} emulated seconds a second</p><progress value="{part:.4f}"></progress>
<table><tr>{head}</tr>{rows}</table>
<p><a href="report.html">report so far</a> &middot; <a href="status.json">as JSON</a></p></html>"""
