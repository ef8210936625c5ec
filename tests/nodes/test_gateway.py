"""An attached program's traffic is delayed, cut and rate-limited as that of a node in its place."""

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
from nodes.gateway.observed import Observed
from nodes.gateway.ports import as_it_is, segments
from nodes.links import Links

LIGHT_S = 1.25
RATE_BPS = 8000.0


class Program:
    """The end of the ports: what it was given, and when."""

    def __init__(self, loop):
        self.loop = loop
        self.given = []

    def deliver(self, neighbour, octets):
        self.given.append((self.loop.time(), neighbour, octets))


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


def test_a_frame_of_ltp_becomes_a_datagram_for_each_segment():
    report = bytes.fromhex("09 01 4d 00 05".replace(" ", ""))
    assert segments(report * 3) == [report] * 3
    assert segments(report + b"\xff") == [report]
    assert segments(b"") == []
    assert as_it_is(bytes(65_508)) == []
    assert as_it_is(b"abc") == [b"abc"]
