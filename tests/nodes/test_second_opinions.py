"""Second opinions on what our nodes say over sockets: Wireshark's dissector, and pyd3tn as a peer.

Each is skipped where it is not to be had. pyd3tn lives in an environment of its own in the user's
cache. It checks no CRC and knows few blocks (a sender and a decoder, never a judge of ours).
"""

import asyncio
import itertools
import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from socket_network import HOST, PATIENCE_S, Networked, free_port

from dtn.events import BundleMalformed, TransferFinished

PYD3TN = "pyd3tn==0.15.2"
ERROR, WARNING = 8388608, 6291456
UNDISSECTED = "Unknown type code"
"""What tshark says of a payload that is zeros and of blocks for private use; no fault."""

pytestmark = pytest.mark.slow


class Tap:
    """A relay between two nodes that keeps what goes through, in order."""

    def __init__(self):
        self.heard = []

    async def between(self, port):
        self._port = port
        self._tasks = []
        self._server = await asyncio.start_server(self._relay, HOST, 0)
        return self._server.sockets[0].getsockname()[1]

    async def _relay(self, reader, writer):
        far_reader, far_writer = await asyncio.open_connection(HOST, self._port)
        await asyncio.gather(
            self._pass("O", reader, far_writer), self._pass("I", far_reader, writer)
        )

    async def _pass(self, direction, reader, writer):
        while octets := await reader.read(1000):
            self.heard.append((direction, octets))
            writer.write(octets)
        writer.close()

    async def close(self):
        self._server.close()
        await self._server.wait_closed()

    def hex_dump(self):
        return "".join(
            f"{direction}\n0000 {octets.hex(' ')}\n\n" for direction, octets in self.heard
        )


async def tapped_session():
    """What two of our nodes say to each other: bundles both ways, some in many segments.

    One after the other: of bundles that end in one packet tshark shows only the last.
    """
    a, b = Networked("a", ["b"]), Networked("b", ["a"])
    carriers = {node: node.tcpcl(segment_bytes=500) for node in (a, b)}
    port = await b.socket_node.listen(carriers[b], HOST, 0)
    b.socket_node.expect(carriers[b], "a")
    tap = Tap()
    a.socket_node.call(carriers[a], "b", HOST, await tap.between(port))
    for count, size in enumerate((0, 10, 499, 3000), 1):
        for node, other in ((a, "b"), (b, "a")):
            node.send(other, bytes(size))
            await node.events.have(TransferFinished, count)
    await a.socket_node.stop()
    await b.socket_node.stop()
    await tap.close()
    return tap


@pytest.mark.skipif(
    not shutil.which("tshark") or not shutil.which("text2pcap"), reason="tshark is not installed"
)
def test_tshark_dissects_a_tcpcl_session_down_to_the_bundles(tmp_path):
    tap = asyncio.run(tapped_session())
    dump, capture = tmp_path / "dump.txt", tmp_path / "session.pcap"
    dump.write_text(tap.hex_dump())
    subprocess.run(
        ["text2pcap", "-q", "-D", "-T", "40000,4556", dump, capture],
        check=True,
        capture_output=True,
    )
    fields = ["tcpcl.v4.mhdr.type", "bpv7.primary.src_uri", "_ws.expert.severity"]
    fields += ["_ws.expert.message", "_ws.malformed"]
    command = ["tshark", "-2", "-r", capture, "-T", "json"]
    for field in fields:
        command += ["-e", field]
    shown = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    layers = [packet["_source"]["layers"] for packet in json.loads(shown)]

    def all_of(field):
        return list(itertools.chain.from_iterable(layer.get(field, []) for layer in layers))

    types = {int(text, 0) for text in all_of(fields[0])}
    assert types == {1, 2, 5, 7}
    assert sorted(all_of(fields[1])) == ["ipn:1.1"] * 4 + ["ipn:2.1"] * 4
    assert all_of("_ws.malformed") == []
    complaints = [
        message
        for severity, message in zip(all_of(fields[2]), all_of(fields[3]), strict=True)
        if int(severity) in (ERROR, WARNING)
    ]
    assert set(complaints) <= {UNDISSECTED}


PEER = """
import json, socket, sys
from pyd3tn.bundle7 import Bundle, create_bundle7
from pyd3tn.mtcp import MTCPConnection, MTCPSocket

server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
with MTCPConnection("127.0.0.1", int(sys.argv[1])) as ours:
    for number in range(20):
        ours.send_bundle(bytes(create_bundle7("ipn:9.1", "ipn:1.1", bytes([number]) * 1000)))
    came = MTCPSocket(server.accept()[0])
    for _ in range(20):
        bundle = Bundle.parse(came.recv_bundle())
        said = {
            "source": str(bundle.primary_block.source),
            "destination": str(bundle.primary_block.destination),
            "payload": bytes(bundle.payload_block.data).hex(),
        }
        print(json.dumps(said), flush=True)
"""


@pytest.fixture(scope="module")
def pyd3tn():
    """The Python of an environment with pyd3tn in it."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    home = cache / "lightlag" / f"{PYD3TN}-{sys.version_info[0]}.{sys.version_info[1]}"
    python = home / "bin" / "python"
    if not (home / "ready").exists():
        venv.create(home, with_pip=True, clear=True)
        command = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", PYD3TN]
        installed = subprocess.run(command, capture_output=True, text=True, timeout=300)
        if installed.returncode:
            pytest.skip(f"{PYD3TN} cannot be had: {installed.stderr.strip()[-200:]}")
        (home / "ready").touch()
    return python


def test_pyd3tn_and_a_node_of_ours_exchange_bundles_over_mtcp_both_ways(pyd3tn):
    came, said = asyncio.run(exchange(pyd3tn))
    assert came == [bytes([number]) * 1000 for number in range(20)]
    assert [line["source"] for line in said] == ["ipn:1.1"] * 20
    assert [line["destination"] for line in said] == ["ipn:9.1"] * 20
    assert [bytes.fromhex(line["payload"]) for line in said] == [
        bytes([255 - number]) * 1000 for number in range(20)
    ]


async def exchange(python):
    node = Networked("a", ["peer"], route_record=False)  # pyd3tn refuses blocks it does not know
    carrier = node.mtcp()
    port = await node.socket_node.listen(carrier, HOST, 0)
    peer = await asyncio.create_subprocess_exec(
        python, "-c", PEER, str(port), stdout=subprocess.PIPE
    )
    async with asyncio.timeout(PATIENCE_S):
        node.socket_node.call(carrier, "peer", HOST, int(await peer.stdout.readline()))
        for number in range(20):
            node.send("peer", bytes([255 - number]) * 1000)
        came = await node.collector.have(20)
        said = [json.loads(await peer.stdout.readline()) for _ in range(20)]
        await peer.wait()
    assert node.events.of(BundleMalformed) == []
    await node.socket_node.stop()
    return came, said


SCENARIO = """
format = 1
name = "attached"
start = 2026-12-01T00:00:00Z
duration = "8s"
[[nodes]]
name = "relay"
ipn = 1
role = "gateway"
[[nodes]]
name = "peer"
ipn = 9
role = "gateway"
[[links]]
between = ["relay", "peer"]
rate_bps = 1e6
owlt_s = 0.5
"""

ATTACHED = """
import json, socket, sys, time
from pyd3tn.bundle7 import Bundle, create_bundle7
from pyd3tn.mtcp import MTCPConnection, MTCPSocket

server = socket.create_server(("127.0.0.1", int(sys.argv[2])))
print("ready", flush=True)
sys.stdin.readline()
came = MTCPSocket(server.accept()[0])
with MTCPConnection("127.0.0.1", int(sys.argv[1])) as gateway:
    began = time.monotonic()
    gateway.send_bundle(bytes(create_bundle7("ipn:9.1", "ipn:1.7", b"are you there?")))
    bundle = Bundle.parse(came.recv_bundle())
said = {
    "source": str(bundle.primary_block.source),
    "payload": bytes(bundle.payload_block.data).decode(),
    "after_s": time.monotonic() - began,
}
print(json.dumps(said), flush=True)
"""


@pytest.mark.realtime
async def test_pyd3tn_in_the_place_of_a_node_is_a_light_time_away(pyd3tn, tmp_path):
    ours, theirs = free_port(), free_port()
    (tmp_path / "scenario.toml").write_text(SCENARIO)
    (tmp_path / "attach.toml").write_text(
        f'[[attach]]\nnode = "peer"\ncarrier = "mtcp"\nlisten = "{HOST}:{ours}"\n'
        f'peer = "{HOST}:{theirs}"\n'
    )
    words = [sys.executable, "-c", "from emulator.cli import main; main()", "run"]
    words += [tmp_path / "scenario.toml", "--rate", "1", "--attach", tmp_path / "attach.toml"]
    piped = {"stdout": subprocess.PIPE, "stdin": subprocess.PIPE}
    peer = await asyncio.create_subprocess_exec(
        pyd3tn, "-c", ATTACHED, str(ours), str(theirs), **piped
    )
    assert await peer.stdout.readline() == b"ready\n"
    run = await asyncio.create_subprocess_exec(
        *words, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, cwd=Path(__file__).parents[2]
    )
    try:
        async with asyncio.timeout(3 * PATIENCE_S):
            while b"the clock starts" not in (line := await run.stderr.readline()):
                assert line, "it ended"
            await asyncio.sleep(2.5)  # the clock has begun: nothing else tells
            said = json.loads((await peer.communicate(b"go\n"))[0])
            await run.communicate()
    finally:
        for process in (peer, run):
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert (said["source"], said["payload"]) == ("ipn:1.7", "are you there?")
    assert 1.0 < said["after_s"] < 4.0
