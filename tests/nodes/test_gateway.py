"""An attached program's traffic is delayed, cut and rate-limited as that of a node in its place."""

import asyncio
import socket
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_network import SmallNetwork, contact

from dtn.bundle import Bundle, CanonicalBlock, CrcType, CreationTimestamp, PrimaryBlock
from dtn.codec import decode, encode
from dtn.contact_plan import ContactPlan
from dtn.eid import IpnEid, parse_eid
from dtn.events import (
    BundleDelivered,
    BundleHeld,
    BundleInFlight,
    BundleReceived,
    BundleSourced,
    FrameLost,
    TransferFinished,
    TransferStarted,
)
from emulator.clock import EmulatedLoop
from nodes.channel.frame import Frame
from nodes.channel.local import LocalChannel
from nodes.convergence.noise import Noise
from nodes.gateway.attachment import CONTACT_CUT, NO_CONTACT, NOISE, QUEUE_FULL, Attachment
from nodes.gateway.datagram_port import (
    MALFORMED_SEGMENT,
    NOBODY_THERE,
    TOO_LONG,
    UNREACHABLE,
    DatagramPort,
    as_it_is,
    segments,
)
from nodes.gateway.observed import Observed
from nodes.gateway.ports import (
    LONGEST_QUEUE,
    MALFORMED_BUNDLE,
    PROGRAM_QUEUE_FULL,
    Gateway,
    StreamPort,
)
from nodes.links import Links

LIGHT_S = 1.25
RATE_BPS = 8000.0


class Program:
    """The end of the ports: what it was given, and when."""

    def __init__(self, loop):
        self.loop = loop
        self.given = []
        self.refuses = ""

    def deliver(self, neighbour, octets, told):
        self.given.append((self.loop.time(), neighbour, octets))
        told(self.refuses, len(octets) if self.refuses else 0)


class Attached:
    """A program in the place of a; b is a plain receiver of frames."""

    def __init__(self, contacts, *, keeps=False, queue_bytes=10**6, loss=0.0, observed=False):
        self.loop = EmulatedLoop()
        self.events = []
        self.channel = LocalChannel(self.loop, self.events.append)
        self.program = Program(self.loop)
        self.arrived = []
        plan = ContactPlan(contacts)
        record = self.events.append
        self.attachment = Attachment(
            "a",
            plan.contacts,
            self.loop,
            self.channel,
            record,
            self.program,
            keeps=keeps,
            queue_bytes=queue_bytes,
            make_noise=lambda neighbour: Noise(1, "a", neighbour, loss),
            observed=Observed("a", IpnEid(0, 1, 0), record) if observed else None,
        )
        self.links = Links(plan, self.loop)
        self.links.add(self.attachment)
        self.channel.attach("b", lambda f: self.arrived.append((self.loop.time(), f.content)))
        self.links.start()
        self.answers = []

    def send(self, at_s, octets, neighbour="b"):
        def came():
            acknowledge = self.answers.append if self.attachment._keeps else None
            self.attachment.came(neighbour, octets, acknowledge)

        self.loop.schedule(at_s, came)

    def run(self):
        with self.loop:
            self.loop.run()
        return self

    def lost(self):
        return [event.reason for event in self.events if isinstance(event, FrameLost)]


def a_bundle(size=100, number=0, source="ipn:1.1", destination="ipn:2.1"):
    primary = PrimaryBlock(
        destination=parse_eid(destination),
        source=parse_eid(source),
        report_to=parse_eid("dtn:none"),
        flags=0,
        crc_type=CrcType.CRC32C,
        creation=CreationTimestamp(10**6, number),
        lifetime_ms=10**9,
        fragment=None,
    )
    return encode(Bundle(primary, (CanonicalBlock(1, 1, 0, CrcType.CRC32C, bytes(size)),)))


def test_octets_leave_at_the_contacts_rate_and_arrive_a_light_time_later():
    net = Attached([contact("a", "b", 0, 100)])
    net.send(10.0, bytes(500))
    net.send(10.0, bytes(1000))
    net.run()
    assert [t for t, _ in net.arrived] == pytest.approx([10.5 + LIGHT_S, 11.5 + LIGHT_S])
    assert [len(octets) for _, octets in net.arrived] == [500, 1000]


def test_a_datagram_without_a_contact_or_room_is_lost_and_said_to_be():
    net = Attached([contact("a", "b", 10, 20)], queue_bytes=3000)
    net.send(5.0, bytes(100))
    net.send(12.0, bytes(2000))
    net.send(12.1, bytes(1500))  # beside 2,000 more than 3,000
    net.send(18.5, bytes(2000))  # does not fit any more
    net.send(21.0, bytes(100))
    net.send(15.0, bytes(100), "c")  # no link to c at all
    net.run()
    assert net.lost() == [NO_CONTACT, QUEUE_FULL, NO_CONTACT, CONTACT_CUT, NO_CONTACT]
    assert [len(octets) for _, octets in net.arrived] == [2000]


def test_what_a_stream_brings_waits_for_the_contact_and_beyond_the_quota_is_refused():
    net = Attached(
        [contact("a", "b", 10, 12), contact("a", "b", 30, 40)], keeps=True, queue_bytes=4000
    )
    net.send(0.0, bytes(1500))
    net.send(1.0, bytes(1500))
    net.send(2.0, bytes(1500))  # too much
    net.run()
    assert net.answers == [True, True, False]
    # the second is cut at 12 and goes again at 30
    assert [t for t, _ in net.arrived] == pytest.approx([11.5 + LIGHT_S, 31.5 + LIGHT_S])


def test_a_cut_takes_what_is_on_the_air():
    net = Attached([contact("a", "b", 0, 100)])
    net.send(10.0, bytes(5000))
    net.loop.schedule(12.0, net.links.cut, "a", "b", "test")
    net.loop.schedule(50.0, net.links.restore, "a", "b", "test")
    net.send(60.0, bytes(1000))
    net.run()
    assert net.lost() == [CONTACT_CUT]
    assert [t for t, _ in net.arrived] == pytest.approx([61.0 + LIGHT_S])


def test_noise_takes_its_share():
    net = Attached([contact("a", "b", 0, 1000)], loss=0.3)
    for number in range(1000):
        net.send(0.5 * number, bytes(100))
    net.run()
    assert 230 < net.lost().count(NOISE) < 370
    assert len(net.arrived) == 1000 - net.lost().count(NOISE)


@given(
    st.lists(st.tuples(st.floats(0, 90), st.integers(1, 3000)), min_size=1, max_size=12),
    st.lists(st.tuples(st.floats(0, 90), st.floats(1, 20)), min_size=1, max_size=3),
)
@settings(max_examples=60)
def test_a_stream_brings_everything_over_once_in_order_and_only_while_there_is_a_contact(
    sent, windows
):
    contacts = [
        contact("a", "b", 100 * k + start, 100 * k + start + 9)
        for k, (start, _) in enumerate(windows)
    ]
    contacts.append(contact("a", "b", 1000, 2000))
    net = Attached(contacts, keeps=True)
    for at_s, size in sorted(sent):
        net.send(at_s, bytes(size))
    net.run()
    assert [len(octets) for _, octets in net.arrived] == [size for _, size in sorted(sent)]
    for arrived_s, octets in net.arrived:
        out_s = arrived_s - LIGHT_S
        airtime_s = len(octets) / 1000
        assert any(
            c.start_s - 1e-6 <= out_s - airtime_s and out_s <= c.end_s + 1e-6 for c in contacts
        )


def test_a_bundle_takes_as_long_as_one_of_a_node_in_the_programs_place():
    attached = Attached([contact("a", "b", 5, 100)], observed=True, keeps=True)
    octets = a_bundle(1000)
    attached.send(1.0, octets)
    attached.run()
    ours = SmallNetwork([contact("a", "b", 5, 100)], octets=True)
    ours.send(1.0, "a", "b", bytes(1000))
    ours.run()
    (started,) = ours.of(TransferStarted)
    (received,) = ours.of(BundleReceived)
    ((arrived_s, content),) = attached.arrived
    assert content == octets
    # equal but for the length of the blocks that ours adds
    assert arrived_s - len(octets) / 1000 == pytest.approx(received.t_s - started.size_bytes / 1000)


def test_the_log_has_the_programs_bundles():
    net = Attached([contact("a", "b", 0, 100), contact("b", "a", 0, 100)], observed=True)
    net.send(1.0, a_bundle(number=1))
    net.send(2.0, a_bundle(number=1))  # again
    net.send(3.0, b"no bundle")
    frame_of_b = a_bundle(number=2, source="ipn:2.1", destination="ipn:1.5")
    frame = Frame("b", "a", 0, 4.0, 5.25, len(frame_of_b), frame_of_b)
    net.loop.schedule(4.0, net.channel.send, frame, "x")
    net.run()
    kinds = [type(event) for event in net.events]
    assert kinds.count(BundleSourced) == 1
    assert kinds.count(TransferStarted) == kinds.count(TransferFinished) == 2
    (received,) = [e for e in net.events if isinstance(e, BundleReceived)]
    (delivered,) = [e for e in net.events if isinstance(e, BundleDelivered)]
    assert (received.t_s, delivered.service, delivered.bundle) == (5.25, "5", received.bundle)
    assert (5.25, "b", frame_of_b) in net.program.given
    assert decode(net.program.given[-1][2]).payload == bytes(100)


def test_what_the_program_cannot_be_given_is_lost_with_its_cause_and_not_received():
    net = Attached([contact("a", "b", 0, 100), contact("b", "a", 0, 100)], observed=True)
    net.program.refuses = NOBODY_THERE
    octets = a_bundle(source="ipn:2.1", destination="ipn:1.5")
    frame = Frame("b", "a", 0, 4.0, 5.25, len(octets), octets)
    net.loop.schedule(4.0, net.channel.send, frame, "x")
    net.run()
    (lost,) = [event for event in net.events if isinstance(event, FrameLost)]
    name = str(decode(octets).id)
    assert lost == FrameLost(5.25, "a", "b", name, len(octets), NOBODY_THERE)
    assert not any(isinstance(e, BundleReceived | BundleDelivered) for e in net.events)


def test_at_the_end_what_waits_on_either_side_is_in_the_network():
    net = Attached(
        [contact("a", "b", 50, 60), contact("b", "a", 0, 100)], observed=True, keeps=True
    )
    net.program.deliver = lambda neighbour, octets, told: None  # it is being sent, on and on
    ours, theirs = a_bundle(), a_bundle(source="ipn:2.1", destination="ipn:1.5")
    net.send(55.0, a_bundle(100_000))  # too long for the contact
    frame = Frame("b", "a", 0, 4.0, 5.25, len(theirs), theirs)
    net.loop.schedule(4.0, net.channel.send, frame, "x")
    net.run()
    net.attachment.end(100.0)
    assert net.events[-2:] == [
        BundleHeld(100.0, "a", str(decode(ours).id)),
        BundleInFlight(100.0, "b", str(decode(theirs).id), "a"),
    ]


def test_a_bundle_that_the_program_was_given_to_pass_on_is_held_there_until_it_does():
    net = Attached([contact("a", "b", 0, 100), contact("b", "a", 0, 100)], observed=True)
    passed_on, kept = [a_bundle(number=n, source="ipn:2.1", destination="ipn:3.1") for n in (1, 2)]
    for number, octets in enumerate((passed_on, kept)):
        frame = Frame("b", "a", number, 4.0 + number, 5.25 + number, len(octets), octets)
        net.loop.schedule(4.0 + number, net.channel.send, frame, "x")
    net.send(10.0, passed_on)
    net.run()
    net.attachment.end(100.0)
    assert net.events[-1] == BundleHeld(100.0, "a", str(decode(kept).id))
    assert [type(event) for event in net.events].count(BundleHeld) == 1


def test_a_frame_of_ltp_becomes_a_datagram_for_each_segment():
    report = bytes.fromhex("09 01 4d 00 05".replace(" ", ""))
    assert segments(report * 3) == ([report] * 3, 0, "")
    assert segments(report + b"\xff") == ([report], 1, MALFORMED_SEGMENT)
    assert segments(b"") == ([], 0, "")
    assert as_it_is(bytes(65_508)) == ([], 65_508, TOO_LONG)
    assert as_it_is(b"abc") == ([b"abc"], 0, "")


class Heard:
    """What a port or gateway said of what it was to hand over, in order."""

    def __init__(self):
        self.said = asyncio.Queue()

    def told(self, reason, lost_bytes):
        self.said.put_nowait((reason, lost_bytes))

    async def next(self):
        async with asyncio.timeout(10.0):
            return await self.said.get()


@pytest.mark.parametrize(
    ("pieces", "octets", "told"),
    [
        (as_it_is, b"abc", ("", 0)),
        (as_it_is, bytes(65_508), (TOO_LONG, 65_508)),
        (segments, b"\x09\x01\x4d\x00\x05\xff\xff", (MALFORMED_SEGMENT, 2)),
    ],
)
async def test_a_datagram_port_tells_what_became_of_every_frame(pieces, octets, told):
    heard = Heard()
    port = DatagramPort(lambda octets, acknowledge: heard.said.put_nowait(octets), None, pieces)
    at = await port.listen("127.0.0.1", 0)
    port.send(octets, heard.told)
    assert await heard.next() == (NOBODY_THERE, len(octets))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as program:
        program.sendto(b"I am here", ("127.0.0.1", at))
        assert await heard.next() == b"I am here"
        port.send(octets, heard.told)
        assert await heard.next() == told
    await port.stop()
    port.send(octets, heard.told)
    assert await heard.next() == (NOBODY_THERE, len(octets))


async def test_a_program_is_found_by_its_name():
    heard = Heard()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as program:
        program.bind(("127.0.0.1", 0))
        program.setblocking(False)
        at = ("localhost", program.getsockname()[1])
        port = DatagramPort(lambda octets, acknowledge: None, at, as_it_is)
        await port.listen("127.0.0.1", 0)
        reason = NOBODY_THERE
        while reason == NOBODY_THERE:  # until the name has been looked up
            await asyncio.sleep(0.01)
            port.send(b"abc", heard.told)
            reason, _ = await heard.next()
        assert reason == ""
        assert await asyncio.get_running_loop().sock_recv(program, 10) == b"abc"
        await port.stop()


async def test_a_datagram_that_the_system_will_not_take_is_told():
    heard = Heard()
    port = DatagramPort(lambda octets, acknowledge: None, ("255.255.255.255", 9), as_it_is)
    await port.listen("127.0.0.1", 0)
    port.send(b"abc", heard.told)  # broadcasts are not allowed
    assert await heard.next() == (UNREACHABLE, 3)
    await port.stop()


class Line:
    """A carrier whose other end the test is: it notes what it is to send, and answers when told to."""

    def __init__(self, user):
        self.user = user
        self.asked = []

    def transmit(self, request):
        self.asked.append(request.transfer)


def a_stream_port():
    lines = []

    def make(user):
        lines.append(Line(user))
        return lines[0]

    return StreamPort(lambda octets, acknowledge: None, make, None), lines[0]


def test_a_stream_port_keeps_the_newest_and_tells_what_it_gives_up():
    port, line = a_stream_port()
    told = []
    for number in range(LONGEST_QUEUE + 2):
        port.send(a_bundle(1, number), lambda *said, number=number: told.append((number, *said)))
    size = len(a_bundle(1, 0))
    assert told == [(0, PROGRAM_QUEUE_FULL, size), (1, PROGRAM_QUEUE_FULL, size)]
    port.link_up("program")
    port.send(a_bundle(1), lambda *said: None)  # the place of the one on its way
    port.transfer_failed(line.asked[0], "connection lost")  # it comes back where there is no room
    assert told[2:] == [(2, PROGRAM_QUEUE_FULL, size)]


def test_a_stream_port_tells_what_is_no_bundle_and_what_the_program_has():
    port, line = a_stream_port()
    told = []
    port.link_up("program")
    port.send(b"no bundle", lambda *said: told.append(said))
    port.send(a_bundle(), lambda *said: told.append(said))
    assert told == [(MALFORMED_BUNDLE, 9)]
    port.transfer_failed(line.asked[0], "connection lost")
    port.link_ready("program")
    port.transfer_finished(line.asked[1])
    assert told[1:] == [("", 0)]


async def test_a_gateway_tells_on_the_thread_of_the_emulated_loop():
    loop = asyncio.get_running_loop()
    heard, threads = Heard(), []

    def told(reason, lost_bytes):
        threads.append(threading.get_ident())
        heard.told(reason, lost_bytes)

    neighbours = {"b": IpnEid(0, 2, 0)}
    gateway = Gateway(
        *("udpcl", IpnEid(0, 1, 0), neighbours, None, lambda *came: None),
        loop.call_soon_threadsafe,
    )
    gateway.deliver("b", b"abc", told)  # before its ports are there
    assert await heard.next() == (NOBODY_THERE, 3)
    gateway.start("127.0.0.1", 0)
    gateway.deliver("b", b"abc", told)
    assert await heard.next() == (NOBODY_THERE, 3)
    gateway.stop()
    gateway.deliver("b", b"abc", told)
    assert await heard.next() == (NOBODY_THERE, 3)
    assert set(threads) == {threading.get_ident()}
