"""The dashboard's server: what it serves, to whom, and a live run that is interfered with."""

from __future__ import annotations

import http.client
import json
import math
import socket
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from live_dashboard import one_bundle, watched
from streams import PLAN, SIMPLE

from dtn.contact_plan import Contact, ContactPlan
from dtn.errors import BadInput, InvalidValue
from dtn.events import BundleDelivered, BundleSourced, ContactEnded, Event, MemoryUpset, NodeDown
from emulator.build import Network, find_strategy
from emulator.clock import EmulatedLoop
from emulator.dashboard.http import MOST_BODY_BYTES
from emulator.dashboard.live import Live
from emulator.dashboard.serving import Serving
from emulator.dashboard.session import Session
from emulator.dashboard.source import FLOW, Replay, Subject
from emulator.dashboard.watch import checked_rate, replay_session
from emulator.log import read_log
from emulator.setup import Demand, Member, Setup, alone
from nodes.spacecraft.options import RadiationOptions, SpacecraftOptions

JSON = {"Content-Type": "application/json"}
DEMAND = Demand(created_s=5.0, source="a", destination="b", size_bytes=100, lifetime_s=100.0)
EVIL = "</script><img src=x onerror=alert(1)>"


def _session(at_s: float = 160.0) -> Session:
    subject = Subject(
        name=EVIL,
        strategy="sabr",
        seed=1,
        start_utc="",
        duration_s=500.0,
        plan=PLAN,
        names=("a", "b", "c"),
        store_bytes={},
        geometry=None,
    )
    return Session(subject, Replay(SIMPLE, 500.0, 10.0, at_s=at_s, paused=True))


class _Browser:
    """A client of one server."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.port is not None
        self.port = parts.port
        self.token = parts.fragment.removeprefix("token=")

    def ask(
        self, method: str, path: str, body: object = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        data = None
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            sent = {**JSON, **sent}
        connection.request(method, path, body=data, headers=sent)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, content

    def frames(self) -> Generator[dict[str, object], None, None]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        connection.request("GET", "/stream")
        answer = connection.getresponse()
        try:
            while line := answer.readline():
                if line.startswith(b"data: "):
                    yield json.loads(line[6:])
        finally:
            answer.close()
            connection.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[_Browser]:
    with Serving(_session()) as serving:
        yield _Browser(serving.url)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html"),
        ("/app.js", "text/javascript"),
        ("/dashboard.css", "text/css"),
        ("/run.json", "application/json"),
        ("/geometry.json", "application/json"),
        ("/node.json?name=a", "application/json"),
        ("/bundle.json?id=x", "application/json"),
        ("/metrics", "text/plain"),
    ],
)
def test_everything_comes_with_a_policy_that_lets_only_this_server_in(
    browser: _Browser, path: str, kind: str
) -> None:
    status, headers, body = browser.ask("GET", path)
    assert status == 200
    assert body
    assert headers["content-type"].startswith(kind)
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"


def test_the_page_names_nothing_that_is_not_on_this_server(browser: _Browser) -> None:
    for path in ("/", "/app.js", "/map.js", "/sky.js", "/charts.js", "/words.js", "/dashboard.css"):
        text = browser.ask("GET", path)[2].decode()
        assert "://" not in text.replace("http://www.w3.org/2000/svg", "")
        assert "innerHTML" not in text
        assert "outerHTML" not in text
        assert "insertAdjacentHTML" not in text
        assert "eval(" not in text


def test_no_name_of_a_scenario_is_in_the_page_itself(browser: _Browser) -> None:
    assert EVIL.encode() not in browser.ask("GET", "/")[2]
    assert json.loads(browser.ask("GET", "/run.json")[2])["name"] == EVIL


def test_what_is_large_comes_squeezed_to_who_takes_it(browser: _Browser) -> None:
    _, headers, body = browser.ask("GET", "/app.js", Accept_Encoding="gzip")
    assert headers["content-encoding"] == "gzip"
    assert len(body) < len(browser.ask("GET", "/app.js")[2]) / 2


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/../http.py", 404),
        ("GET", "/node.json?name=nobody", 404),
        ("GET", "/bundle.json?id=nothing", 404),
        ("GET", "/control", 405),
        ("POST", "/", 405),
        ("DELETE", "/run.json", 405),
    ],
)
def test_what_there_is_not_is_refused(
    browser: _Browser, method: str, path: str, status: int
) -> None:
    assert browser.ask(method, path)[0] == status


def test_a_page_under_a_foreign_name_gets_nothing(browser: _Browser) -> None:
    assert browser.ask("GET", "/run.json", Host="evil.example")[0] == 403
    assert browser.ask("GET", "/run.json", Host=f"localhost:{browser.port}")[0] == 200


def test_another_sites_page_cannot_control(browser: _Browser) -> None:
    pause = {"do": "pause"}
    assert browser.ask("POST", "/control", pause, Origin="https://evil.example")[0] == 403
    assert browser.ask("POST", "/control", b"do=pause", Content_Type="text/plain")[0] == 415
    mine = f"http://127.0.0.1:{browser.port}"
    assert browser.ask("POST", "/control", pause, Origin=mine)[0] == 200


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"[" * 5000, b'{"do": "nothing"}'])
def test_bodies_that_ask_nothing_are_refused(browser: _Browser, body: bytes) -> None:
    assert browser.ask("POST", "/control", body)[0] == 400


@pytest.mark.parametrize(
    "octets",
    [
        b"\r\n",
        b"GET\r\n\r\n",
        b"GET http://127.0.0.1/ HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 5 + b"Content-Length: -4\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"".join(b"a%d: b\r\n" % i for i in range(100)) + b"\r\n",
        b"POST /control HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (MOST_BODY_BYTES + 1),
        b"POST /control HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"\xff\xfe GET / HTTP/1.1\r\n\r\n",
    ],
)
def test_octets_that_are_no_request_are_refused_and_the_server_lives(
    browser: _Browser, octets: bytes
) -> None:
    with socket.create_connection(("127.0.0.1", browser.port), timeout=5) as connection:
        connection.sendall(octets)
        said = connection.recv(100)
    assert said.startswith((b"HTTP/1.1 400", b"HTTP/1.1 413"))
    assert browser.ask("GET", "/")[0] == 200


def test_elsewhere_than_on_loopback_controls_need_the_token() -> None:
    with Serving(_session(), host="0.0.0.0") as serving:
        browser = _Browser(serving.url)
        pause = {"do": "pause"}
        assert len(browser.token) > 20
        assert browser.ask("POST", "/control", pause)[0] == 403
        assert browser.ask("POST", "/control", pause, Authorization="Bearer no")[0] == 403
        good = f"Bearer {browser.token}"
        assert browser.ask("POST", "/control", pause, Authorization=good)[0] == 200
        assert browser.ask("GET", "/run.json", Host="some.name")[0] == 200
        assert browser.token.encode() not in browser.ask("GET", "/run.json")[2]


def test_a_port_that_is_taken_is_bad_input(browser: _Browser) -> None:
    with pytest.raises(BadInput, match="--port"), Serving(_session(), port=browser.port):
        pass


@pytest.mark.parametrize("rate", [0.0, -1.0, math.inf, math.nan])
def test_a_rate_that_nobody_can_watch_is_bad_input(rate: float) -> None:
    with pytest.raises(BadInput, match="--rate"):
        checked_rate(rate)


def test_a_live_run_is_paused_cut_taken_down_and_sent_to_and_the_log_tells_it(
    tmp_path: Path,
) -> None:
    with watched(one_bundle("live"), 200.0, tmp_path / "run") as url:
        browser = _Browser(url)
        frames = browser.frames()
        at_s = next(frame["now_s"] for frame in frames if frame["now_s"] > 102.0)  # type: ignore[operator]
        asked = [
            {"do": "pause"},
            {"do": "cut", "a": "a", "b": "b", "for_s": 20},
            {
                "do": "send",
                "from": "b",
                "to": "c",
                "size_bytes": 700,
                "lifetime_s": 900,
                "priority": 2,
            },
            {"do": "node-down", "node": "c", "for_s": None},
        ]
        for ask in asked[:3]:
            assert browser.ask("POST", "/control", ask)[0] == 200
        assert browser.ask("POST", "/control", {"do": "jump", "to_s": 0})[0] == 400
        still = next(frame for frame in frames if frame["paused"] and frame["injections"])
        assert [link[-1] for link in still["links"]] == ["link cut"]  # type: ignore[attr-defined]
        assert browser.ask("POST", "/control", {"do": "rate", "rate": 400})[0] == 200
        assert browser.ask("POST", "/control", {"do": "play"})[0] == 200
        next(frame for frame in frames if frame["now_s"] > 210.0)  # type: ignore[operator]
        assert browser.ask("POST", "/control", asked[3])[0] == 200
        assert browser.ask("POST", "/control", {"do": "rate", "rate": 100_000})[0] == 200
        frames.close()
    events = read_log(tmp_path / "run" / "events.jsonl").events
    cut = next(event for event in events if isinstance(event, ContactEnded))
    assert cut.reason == "link cut"
    assert float(str(at_s)) <= cut.t_s < 200.0
    sent = next(
        event for event in events if isinstance(event, BundleSourced) and event.flow == FLOW
    )
    assert (sent.node, sent.payload_bytes, sent.priority) == ("b", 700, 2)
    assert {e.bundle for e in events if isinstance(e, BundleDelivered)} >= {sent.bundle}
    assert [event.node for event in events if isinstance(event, NodeDown)] == ["c"]
    again = replay_session(tmp_path / "run", 10.0, at_s=490.0, paused=True)
    again.look()
    assert not again.fold.nodes["c"].is_up


LASERS = ContactPlan(
    [
        Contact(a, b, 100.0, 400.0, 8000.0, 1.0)
        for pair in (("station", "base"), ("station", "far"))
        for a, b in (pair, pair[::-1])
    ]
    + [
        Contact(a, b, 0.0, 500.0, 1e6, 0.01)
        for a, b in (("station", "office"), ("office", "station"))
    ],
    ipn_numbers={"station": 1, "base": 2, "far": 3, "office": 4},
)


UNPROTECTED = SpacecraftOptions(radiation=RadiationOptions(protection="none"))


def _lasers() -> Setup:
    """A station, a base on the Moon with a memory under radiation, somebody far out, an office at a fibre."""
    bodies = {"station": "earth", "base": "moon"}
    return Setup(
        name="lasers",
        sha256="00",
        start=None,
        duration_s=500.0,
        seed=1,
        strategy="sabr",
        plan=LASERS,
        members=tuple(
            Member(
                name=name,
                ipn=ipn,
                body=bodies.get(name, ""),
                spacecraft=UNPROTECTED if name == "base" else None,
            )
            for name, ipn in LASERS.ipn_numbers.items()
        ),
        demands=tuple(
            Demand(
                created_s=200.0,
                source="base",
                destination="station",
                size_bytes=9000,
                lifetime_s=300.0,
            )
            for _ in range(20)
        ),
    )


def test_clouds_storms_and_another_strategy_come_from_the_page_and_the_log_tells_them(
    tmp_path: Path,
) -> None:
    with watched(_lasers(), 200.0, tmp_path / "run") as url:
        browser = _Browser(url)
        facts = json.loads(browser.ask("GET", "/run.json")[2])
        assert facts["stations"] == ["station"]
        assert facts["exposed"] == ["base", "far"]
        frames = browser.frames()
        next(frame for frame in frames if frame["now_s"] > 110.0)  # type: ignore[operator]
        for asked, code in (
            ({"do": "cloud", "node": "base", "for_s": 20}, 400),
            ({"do": "cloud", "node": "station", "for_s": 20}, 200),
            ({"do": "strategy", "strategy": "no such"}, 400),
            ({"do": "strategy", "strategy": "epidemic"}, 200),
        ):
            assert browser.ask("POST", "/control", asked)[0] == code
        assert next(frames)["strategy"] == "epidemic"
        next(frame for frame in frames if frame["now_s"] > 250.0)  # type: ignore[operator]
        storm = {"do": "storm", "for_s": 100, "factor": 1e6}
        assert browser.ask("POST", "/control", storm | {"factor": 0.5})[0] == 400
        assert browser.ask("POST", "/control", storm)[0] == 200
        seen = next(frame for frame in frames if frame["upsets"])
        assert [row[::3] for row in seen["storms"]] == [[[1, 2], 1e6]]  # type: ignore[attr-defined]
        assert [row[0] for row in seen["upsets"]] == [1]  # type: ignore[attr-defined]
        assert browser.ask("POST", "/control", {"do": "rate", "rate": 100_000})[0] == 200
        frames.close()
    events = read_log(tmp_path / "run" / "events.jsonl").events
    cut = {e[1:3] for e in events if isinstance(e, ContactEnded) and e.reason == "clouds"}
    assert cut == {("station", "base"), ("base", "station"), ("station", "far"), ("far", "station")}
    assert {e.node for e in events if isinstance(e, NodeDown) and e.reason == "storm"} == {"far"}
    upsets = [e for e in events if isinstance(e, MemoryUpset)]
    assert {e.node for e in upsets} == {"base"}
    assert all(250.0 < e.t_s < 400.0 for e in upsets)


def test_ideals_are_searched_for_in_a_plan_that_no_other_thread_uses() -> None:
    session = _session(200.0)
    plan = ContactPlan(PLAN.contacts, ipn_numbers=PLAN.ipn_numbers)
    own = Session(replace(session.subject, plan=plan), session.source)
    own.look()
    assert own.ideals_s == [103.0]
    assert "_indexes" not in plan.__dict__


def test_a_live_run_jumps_ahead_as_fast_as_it_can_and_goes_on_at_its_rate() -> None:
    given = alone(ContactPlan([Contact("a", "b", 0.0, 4e3, 1e6, 1.0)]), "direct", DEMAND, 4e3)
    events: list[Event] = []
    readings_s: list[float] = []
    with EmulatedLoop(1.0) as loop:
        network = Network(given, find_strategy(given, None), loop, events.append)
        live = Live(loop, network, events, 4e3, {})
        loop.schedule(0.0, live.jump, 3e3)
        loop.schedule(1e3, lambda: readings_s.append(live.now_s()))
        loop.schedule(3000.02, lambda: readings_s.append(live.now_s()))
        loop.run(3000.1)
        with pytest.raises(InvalidValue, match="ahead only"):
            live.jump(2e3)
    assert readings_s[0] == 1e3
    assert 3000.02 <= readings_s[1] < 3010.0
    assert any(isinstance(event, BundleDelivered) for event in events)
