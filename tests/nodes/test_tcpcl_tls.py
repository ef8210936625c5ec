"""TLS between nodes of ours over TCPCL on loopback: who proves who it is, and who cannot."""

import pytest
from certificates import Authority
from socket_network import Calls, Pair

from dtn.errors import BadInput
from dtn.events import ContactStarted
from nodes.convergence.certificate import tls_from_files


async def test_bundles_go_over_tls_1_3_with_both_ends_proven(tmp_path):
    authority = Authority(tmp_path)
    async with Pair(
        a={"tls": authority.node("a", "ipn:1.0")}, b={"tls": authority.node("b", "ipn:2.0")}
    ) as pair:
        pair.a.send("b", bytes(300_000))
        pair.b.send("a", b"back")
        assert await pair.b.collector.have(1) == [bytes(300_000)]
        assert await pair.a.collector.have(1) == [b"back"]
        (connection,) = pair.carriers[0]._connections
        assert connection.transport.get_extra_info("ssl_object").version() == "TLSv1.3"


@pytest.mark.row("L4")
@pytest.mark.parametrize("case", ["other authority", "other node", "no node", "no tls"])
async def test_a_peer_that_cannot_prove_who_it_is_gets_no_link(tmp_path, case):
    authority = Authority(tmp_path)
    other = Authority(tmp_path, "other")
    theirs = {
        "other authority": lambda: other.node("a", "ipn:1.0"),
        "other node": lambda: authority.node("a", "ipn:7.0"),
        "no node": lambda: authority.node("a", ""),
        "no tls": lambda: None,
    }[case]()
    calls = Calls()
    async with Pair(
        a={"tls": theirs, "delays": calls.delays}, b={"tls": authority.node("b", "ipn:2.0")}
    ) as pair:
        pair.a.send("b", b"not for b")
        await calls.have(2)
        assert pair.b.events.of(ContactStarted) == []
        assert pair.b.collector.payloads == []


@pytest.mark.parametrize("missing", ["certificate", "key", "authorities"])
def test_files_for_tls_that_cannot_be_used_are_the_users_to_mend(tmp_path, missing):
    authority = Authority(tmp_path)
    authority.node("a", "ipn:1.0")
    files = {
        "certificate": tmp_path / "authority-a.pem",
        "key": tmp_path / "authority-a.key",
        "authorities": authority.path,
    }
    files[missing].write_text("nothing of the kind")
    with pytest.raises(BadInput):
        tls_from_files(**files)
