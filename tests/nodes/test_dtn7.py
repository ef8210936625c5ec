"""A third opinion: dtn7-rs, an implementation in Rust, exchanges bundles with a node of ours over TCPCLv4 and MTCP.

Its daemon `dtnd` is looked for in $LIGHTLAG_DTN7, on the PATH, and in the user's cache, where
`cargo install dtn7 --locked --root ~/.cache/lightlag/dtn7` puts it. It takes what we hand to its web
interface as a bundle of its own, reads it, and sends it as it writes bundles itself.
"""

import asyncio
import os
import shutil
import urllib.error
import urllib.request
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from socket_network import HOST, PATIENCE_S, START_DTN_MS, Networked, free_port

from dtn.bundle import Bundle, CanonicalBlock, CrcType, CreationTimestamp, PrimaryBlock
from dtn.codec import decode, encode
from dtn.eid import parse_eid
from dtn.events import BundleMalformed

COUNT = 20
LIFETIME_MS = 10 * 365 * 86_400_000
"""Years: the daemon's clock is the real one, the test's is that of its scenario."""


def daemon():
    """Where dtnd is, None if it is nowhere."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    cached = cache / "lightlag" / "dtn7" / "bin" / "dtnd"
    return os.environ.get("LIGHTLAG_DTN7") or shutil.which("dtnd") or shutil.which(cached)


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(daemon() is None, reason="dtn7's dtnd is not installed"),
]


class Daemon:
    """A running dtnd, asked over its web interface."""

    def __init__(self, port):
        self._port = port

    async def ask(self, path, body=None):
        """An answer; asked again until there is one."""
        request = urllib.request.Request(f"http://{HOST}:{self._port}/{path}", body)
        while True:
            try:
                return await asyncio.to_thread(_answer, request)
            except ConnectionError:
                await asyncio.sleep(0.05)  # another program starts: nothing else tells when

    async def delivered(self, count):
        """So many bundles for its service 1."""
        found = []
        while len(found) < count:
            octets = await self.ask("endpoint?1")
            if octets == b"Nothing to receive":
                await asyncio.sleep(0.05)
            else:
                found.append(decode(octets, rules=False))
        return found


def _answer(request):
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
            return response.read()
    except urllib.error.HTTPError:
        raise
    except urllib.error.URLError as fault:
        raise ConnectionError(str(fault)) from None


@asynccontextmanager
async def dtnd(folder, *options):
    """A daemon of node 9; ended at the end."""
    port = free_port()
    command = [daemon(), "--nodeid", "9", "--endpoint", "1", "--web-port", str(port), "--ipv4"]
    command += ["--disable_nd", "--interval", "0", "--workdir", folder, *options]
    with (folder / "dtnd.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log)
        try:
            yield Daemon(port)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


def from_nine(number):
    """A bundle of node 9 for us."""
    primary = PrimaryBlock(
        destination=parse_eid("ipn:1.1"),
        source=parse_eid("ipn:9.1"),
        report_to=parse_eid("ipn:9.0"),
        flags=0,
        crc_type=CrcType.CRC32C,
        creation=CreationTimestamp(START_DTN_MS, number),
        lifetime_ms=LIFETIME_MS,
        fragment=None,
    )
    payload = CanonicalBlock(1, 1, 0, CrcType.CRC32C, bytes([number]) * 1000)
    return encode(Bundle(primary, (payload,)))


@pytest.mark.parametrize("carrier", ["tcp", "mtcp"])
async def test_dtn7_and_a_node_of_ours_exchange_bundles_both_ways(carrier, tmp_path):
    ours = Networked("a", ["peer"])
    convergence = ours.tcpcl() if carrier == "tcp" else ours.mtcp()
    port, theirs = await ours.socket_node.listen(convergence, HOST, 0), free_port()
    ours.socket_node.expect(convergence, "peer")
    layer = ["--cla", f"{carrier}:port={theirs}:bind={HOST}"]
    peer = ["--static-peer", f"{carrier}://{HOST}:{port}/1"]
    async with asyncio.timeout(2 * PATIENCE_S), dtnd(tmp_path, *layer, *peer) as there:
        assert await there.ask("status/nodeid") == b"ipn:9.0"
        if carrier == "mtcp":  # one way only: ours is a connection of its own
            ours.socket_node.call(convergence, "peer", HOST, theirs)
        for number in range(COUNT):
            await there.ask("insert", from_nine(number))
            ours.send("peer", bytes([255 - number]) * 1000, lifetime_s=LIFETIME_MS / 1000)
        came = await ours.collector.have(COUNT)
        delivered = await there.delivered(COUNT)
        await ours.socket_node.stop()
    assert sorted(came) == [bytes([number]) * 1000 for number in range(COUNT)]
    assert {str(bundle.primary.source) for bundle in delivered} == {"ipn:1.1"}
    assert sorted(bundle.payload for bundle in delivered) == [
        bytes([255 - number]) * 1000 for number in reversed(range(COUNT))
    ]
    assert ours.events.of(BundleMalformed) == []
