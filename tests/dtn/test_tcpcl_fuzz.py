"""Mutated TCPCL streams by the ten thousand: an answer that the RFC gives, or the end of that session.

The short form runs with the other tests, the long one with the slow ones.
"""

import pytest
from mutations import mutations
from tcpcl_ends import HELLO, INIT, VECTORS, End

from dtn.tcpcl import State
from dtn.tcpcl.outputs import Failed, Finished, Send


def spoken(direction: str) -> bytes:
    """One direction of the known exchange."""
    steps = VECTORS["tcpcl_exchange"]["steps"]
    return b"".join(bytes.fromhex(step["hex"]) for step in steps if step["dir"] == direction)


CORPUS = [
    spoken("A>P"),
    spoken("P>A"),
    *(
        HELLO + INIT + bytes.fromhex(vector["hex"])
        for vector in VECTORS["tcpcl_messages"]
        if vector["id"] >= "TCP07"
    ),
]
LONGEST_ANSWER = 10
"""No message asks for an answer that is longer than it by more than this factor."""


def judge(octets: bytes, is_active: bool, piece: int) -> bool:
    """Hear a stream in pieces; whether the session outlived it."""
    end = End(active=is_active)
    end.connect()
    begun = False
    for at in range(0, len(octets), piece):
        end.do(end.session.receive(octets[at : at + piece], 0.0))
        if not begun and end.state is State.ESTABLISHED:
            begun = True
            end.send(1, bytes(40))
    assert sum(map(len, end.bundles)) <= len(octets)
    said = sum(len(output.octets) for output in end.happened(Send))
    assert said <= 500 + LONGEST_ANSWER * len(octets)
    outlived = end.over is None
    end.do(end.session.disconnected(1.0))
    assert end.state is State.ENDED
    assert len(end.happened(Finished, Failed)) == begun
    return outlived


@pytest.mark.row("L18", "L20", "L22")
@pytest.mark.parametrize("count", [3_000, pytest.param(300_000, marks=pytest.mark.slow)])
def test_mutated_streams_cost_their_session_and_nothing_else(count: int) -> None:
    outlived = 0
    for number, octets in enumerate(mutations(CORPUS, count, seed=count)):
        outlived += judge(octets, number % 2 == 0, 1 + number % 97)
    assert 0 < outlived < count
