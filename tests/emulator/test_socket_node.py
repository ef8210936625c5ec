"""A node on real sockets: its file and the faults of it, and words to it over loopback."""

import asyncio
import json
import socket

import pytest

from dtn.errors import BadInput
from dtn.events import ContactStarted
from emulator.cli import main
from emulator.outside.control import ControlServer, ask
from emulator.outside.running import RunningNode
from emulator.outside.settings import load

HOST = "127.0.0.1"
PATIENCE_S = 20.0


def free_ports(count, kind=socket.SOCK_STREAM):
    probes = [socket.socket(socket.AF_INET, kind) for _ in range(count)]
    for probe in probes:
        probe.bind((HOST, 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def node_file(tmp_path, name, number, listen, neighbours, head=""):
    """A node's file; neighbours are (name, number, carrier, port or None, reaches)."""
    text = f'node = "ipn:{number}.0"\nservices = [42]\n{head}'
    text += f'[[listen]]\ncarrier = "{listen[0]}"\nat = "{HOST}:{listen[1]}"\n'
    for other, its_number, carrier, port, *reaches in neighbours:
        text += f'[[neighbours]]\nname = "{other}"\nnode = "ipn:{its_number}.0"\n'
        text += f'carrier = "{carrier}"\nreaches = {json.dumps([f"ipn:{n}.0" for n in reaches])}\n'
        text += f'at = "{HOST}:{port}"\n' if port else ""
    path = tmp_path / f"{name}.toml"
    path.write_text(text)
    return path


class Events(list):
    def __init__(self):
        super().__init__()
        self.news = asyncio.Event()

    def record(self, event):
        self.append(event)
        self.news.set()

    async def have(self, kind):
        async with asyncio.timeout(PATIENCE_S):
            while not any(isinstance(event, kind) for event in self):
                self.news.clear()
                await self.news.wait()


class Up:
    """Nodes of some files, up until the end of `async with`."""

    def __init__(self, *paths):
        self.paths = paths
        self.events = [Events() for _ in paths]

    async def __aenter__(self):
        self.nodes = [
            RunningNode(load(path), events.record)
            for path, events in zip(self.paths, self.events, strict=True)
        ]
        self.controls = [ControlServer(node) for node in self.nodes]
        for server, node in zip(self.controls, self.nodes, strict=True):
            await server.start()
            await node.start()
        for events in self.events:
            await events.have(ContactStarted)
        return self

    async def __aexit__(self, *_):
        async with asyncio.timeout(PATIENCE_S):
            for server, node in zip(self.controls, self.nodes, strict=True):
                await server.stop()
                await node.stop()


async def said(path, request):
    """All answers to a request, asked from a thread as a command is a process."""
    return await asyncio.to_thread(lambda: list(ask(path, request, PATIENCE_S)))


async def first(path, request):
    def get():
        answers = ask(path, request, PATIENCE_S)
        answer = next(answers)
        answers.close()
        return answer

    return await asyncio.to_thread(get)


@pytest.fixture(params=["tcpcl", "mtcp", "udpcl", "ltp"])
def pair(request, tmp_path):
    """Two nodes that speak one protocol; over TCPCL one calls, and the session goes both ways."""
    carrier = request.param
    kind = socket.SOCK_DGRAM if carrier in ("udpcl", "ltp") else socket.SOCK_STREAM
    ports = free_ports(2, kind)
    back = None if carrier == "tcpcl" else ports[0]
    return (
        node_file(tmp_path, "a", 1, (carrier, ports[0]), [("b", 2, carrier, ports[1])]),
        node_file(tmp_path, "b", 2, (carrier, ports[1]), [("a", 1, carrier, back)]),
    )


async def test_bundles_and_pings_go_both_ways_by_every_protocol(pair):
    async with Up(*pair):
        for here, there, number in ((*pair, 2), (*pair[::-1], 1)):
            sent, answered = await said(here, {"do": "ping", "to": f"ipn:{number}.7"})
            assert sent["bundle"].startswith("ipn:")
            assert answered["intact"]
            assert 0 < answered["round_trip_s"] < PATIENCE_S
            request = {"do": "send", "to": f"ipn:{number}.42", "payload": "00ff", "service": "9"}
            (sent,) = await said(here, request)
            arrived = await first(there, {"do": "receive", "service": "42"})
            assert arrived["payload"] == "00ff"
            assert arrived["bundle"] == sent["bundle"]
            assert arrived["source"] == f"ipn:{3 - number}.9"


async def test_bundles_go_by_way_of_a_neighbour_and_from_protocol_to_protocol(tmp_path):
    (tcp_b,) = free_ports(1)
    udp, udp_c = free_ports(2, socket.SOCK_DGRAM)
    middle = node_file(
        tmp_path, "m", 1, ("ltp", udp), [("b", 2, "tcpcl", tcp_b), ("c", 3, "ltp", udp_c)]
    )
    b = node_file(tmp_path, "b", 2, ("tcpcl", tcp_b), [("m", 1, "tcpcl", None, 3)])
    c = node_file(tmp_path, "c", 3, ("ltp", udp_c), [("m", 1, "ltp", udp, 2)])
    async with Up(b, c, middle):
        _, answered = await said(b, {"do": "ping", "to": "ipn:3.7"})
        assert answered["intact"]


async def test_a_store_outlives_its_node(tmp_path):
    port, nowhere = free_ports(2)
    head = 'store = "a.db"\n'
    a = node_file(tmp_path, "a", 1, ("tcpcl", port), [("b", 2, "tcpcl", nowhere)], head)
    file = load(a)
    first_life = RunningNode(file, lambda event: None)
    server = ControlServer(first_life)
    await server.start()
    await first_life.start()
    await said(a, {"do": "send", "to": "ipn:2.42", "payload": b"kept".hex()})
    await server.stop()
    await first_life.stop()
    b = node_file(tmp_path, "b", 2, ("tcpcl", nowhere), [("a", 1, "tcpcl", None)])
    async with Up(b, a):
        arrived = await first(b, {"do": "receive", "service": "42"})
        assert bytes.fromhex(arrived["payload"]) == b"kept"


NONSENSE = (
    b"",
    b"\n",
    b"no json\n",
    b"[]\n",
    b'{"do": "fly"}\n',
    b'{"do": "send", "to": "ipn:9.1", "payload": "zz"}\n',
    b'{"do": "send", "to": "http://x", "payload": ""}\n',
    b'{"do": "send", "to": "ipn:1", "payload": ""}\n',
    b'{"do": "receive", "service": "0"}\n',
    b'{"do": "ping", "to": "ipn:2.7", "size_bytes": "many"}\n',
)


@pytest.mark.parametrize("pair", ["tcpcl"], indirect=True)
async def test_words_that_make_no_sense_are_refused_and_the_node_stays(pair):
    a, b = pair
    async with Up(a, b):
        for request in NONSENSE:
            reader, writer = await asyncio.open_unix_connection(str(load(a).control))
            writer.write(request)
            writer.write_eof()
            answer = await asyncio.wait_for(reader.read(), PATIENCE_S)
            assert answer == b"" or "refused" in json.loads(answer)
            writer.close()
        _, answered = await said(a, {"do": "ping", "to": "ipn:2.7"})
        assert answered["intact"]


@pytest.mark.parametrize("pair", ["tcpcl"], indirect=True)
async def test_only_its_user_may_talk_to_a_node_and_two_nodes_do_not_share_a_socket(pair):
    async with Up(*pair):
        path = load(pair[0]).control
        assert path.stat().st_mode & 0o077 == 0
        with pytest.raises(BadInput, match="runs answers there"):
            await ControlServer(RunningNode(load(pair[0]), lambda event: None)).start()
    assert not path.exists()


GOOD = 'node = "ipn:7.0"\n[[listen]]\ncarrier = "tcpcl"\nat = "127.0.0.1:4556"\n'
PEER = '[[neighbours]]\nname = "p"\nnode = "ipn:9.0"\n'


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('node = "ipn:7.0"\n', "listen"),
        (GOOD.replace("ipn:7.0", "ipn:x"), "node"),
        (GOOD.replace("ipn:7.0", "dtn://me/"), "node"),
        (GOOD.replace("ipn:7.0", "ipn:0.0"), "node"),
        (GOOD.replace("tcpcl", "carrier-pigeon"), "listen[0].carrier"),
        (GOOD.replace(":4556", ""), "listen[0].at"),
        (GOOD.replace(":4556", ":65536"), "listen[0].at"),
        (GOOD + "colour = 1\n", "listen[0].colour"),
        (GOOD + PEER + 'carrier = "udpcl"\n', 'neighbours[0] "p".at'),
        (GOOD + PEER + 'carrier = "udpcl"\nat = "localhost:1"\n', "neighbours[0].at"),
        (GOOD + PEER.replace("9", "7") + 'carrier = "tcpcl"\n', "neighbours[0].node"),
        (GOOD + PEER + 'carrier = "tcpcl"\nreaches = ["ipn:7.0"]\n', "neighbours[0].reaches"),
        (GOOD + (PEER + 'carrier = "tcpcl"\n') * 2, "neighbours[1].name"),
        (
            GOOD + PEER.replace("ipn:9.0", "dtn://x/") + 'carrier = "ltp"\nat = "127.0.0.1:1"\n',
            "neighbours[0].engine",
        ),
        (GOOD + f'control = "{"x" * 120}"\n', ""),
    ],
)
def test_a_file_with_faults_is_told_every_one(tmp_path, text, key, capsys):
    path = tmp_path / "node.toml"
    path.write_text(text)
    with pytest.raises(SystemExit) as ended:
        main(["socket-node", str(path)])
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert str(path) in told
    assert key.split(" ")[0].split("[")[0] in told


def test_a_node_that_cannot_have_its_address_says_so(tmp_path, capsys):
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        path = node_file(tmp_path, "a", 1, ("tcpcl", taken.getsockname()[1]), [])
        with pytest.raises(SystemExit) as ended:
            main(["socket-node", str(path)])
    assert ended.value.code == 2
    assert "listen[0].at" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["ping", "ipn:9.7", "--node", "nobody.sock"],
        ["ping", "ipn:9.7", "--node", "nobody.sock", "--run", "x"],
        ["ping", "ipn:9.7"],
        ["ping", "ipn:9.7", "--from", "a", "--run", "x"],
        ["recv", "a", "b", "c", "--node", "nobody.sock"],
        ["recv", "a", "42", "--node", "nobody.sock"],
        ["recv", "42"],
    ],
)
def test_commands_say_what_they_lack(words, capsys):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("pair", ["tcpcl"], indirect=True)
async def test_the_commands_talk_to_a_node(pair, tmp_path, capfdbinary):
    a, b = map(str, pair)
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(bytes(range(256)))

    def commanded(*words):
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        return ended.value.code

    async with Up(*pair):
        assert await asyncio.to_thread(commanded, "ping", "ipn:2.7", "--node", a) == 0
        assert b"answered after" in capfdbinary.readouterr().out
        assert await asyncio.to_thread(commanded, "send", str(photo), "ipn:2.42", "--node", a) == 0
        capfdbinary.readouterr()
        output = tmp_path / "back.jpg"
        words = ("recv", "42", "--node", b, "-o", str(output))
        assert await asyncio.to_thread(commanded, *words) == 0
        assert output.read_bytes() == photo.read_bytes()
        words = ("ping", "ipn:99.7", "--node", a, "--patience", "0.2")
        assert await asyncio.to_thread(commanded, *words) == 1


def test_the_file_is_named_where_its_socket_is_asked_for(tmp_path):
    path = node_file(tmp_path, "a", 1, ("tcpcl", 4556), [])
    assert load(path).control == tmp_path / "a.sock"
