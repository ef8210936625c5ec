"""What happened, in the words of the RFCs: one append-only stream of typed events.

Every figure, table and plot is a fold over this stream. Each event carries its time (seconds from
the scenario's start) and the node at which it happened; bundles appear by their identity as text
(`dtn.bundle.BundleId`). An event never carries a time that was measured on the machine that
emulates, so that equal seeds give equal octets.

Named tuples rather than dataclasses: a run makes hundreds of thousands of them.
"""

from __future__ import annotations

from typing import NamedTuple

FORMAT_VERSION = 1
"""Raised when an event changes its meaning or loses a field; the log's first line carries it."""


class BundleSourced(NamedTuple):
    """An application asked for a transmission (RFC 9171 §5.2) as part of the traffic `flow`."""

    t_s: float
    node: str
    bundle: str
    source: str
    destination: str
    size_bytes: int
    payload_bytes: int
    lifetime_s: float
    priority: int
    flow: str


class BundleReceived(NamedTuple):
    """A bundle came in whole from another node (§5.6)."""

    t_s: float
    node: str
    bundle: str
    previous: str
    size_bytes: int


class BundleDuplicate(NamedTuple):
    """A copy of a bundle that this node has or had already came in and was suppressed."""

    t_s: float
    node: str
    bundle: str
    previous: str


class BundleMalformed(NamedTuple):
    """Octets that are no bundle came in and were discarded (§5.6 step 3)."""

    t_s: float
    node: str
    previous: str
    size_bytes: int
    layer: str
    reason: str


class RouteComputed(NamedTuple):
    """A strategy chose: entry node, the arrival it promises (inf: promises nothing) and hops."""

    t_s: float
    node: str
    bundle: str
    entry: str
    promised_s: float
    hops: int


class RouteForfeited(NamedTuple):
    """A bundle was still queued when its contact ended; the strategy is asked again."""

    t_s: float
    node: str
    bundle: str
    entry: str


class TransferStarted(NamedTuple):
    """The first bit of a bundle leaves for a neighbour; `contact` is its number in the plan."""

    t_s: float
    node: str
    bundle: str
    neighbour: str
    contact: int
    size_bytes: int


class TransferFinished(NamedTuple):
    """The convergence layer reports success: the transfer is owed nothing more (§5.4 step 5)."""

    t_s: float
    node: str
    bundle: str
    neighbour: str


class TransferFailed(NamedTuple):
    """The convergence layer gave the bundle back: the contact was cut or the peer refused."""

    t_s: float
    node: str
    bundle: str
    neighbour: str
    reason: str


class BundleDelivered(NamedTuple):
    """The bundle's payload reached its application (§5.7)."""

    t_s: float
    node: str
    bundle: str
    service: str


class BundleDeleted(NamedTuple):
    """A node deleted its copy (§5.10); `reason` is a status report reason code (§6.1.1)."""

    t_s: float
    node: str
    bundle: str
    reason: int


class BundleLost(NamedTuple):
    """A node's copy went with its memory: its store did not have it yet; `reason` names the fault."""

    t_s: float
    node: str
    bundle: str
    reason: str


class SecurityOperationFailed(NamedTuple):
    """A security operation was missing, unknown, unexpected, wrong or in conflict (RFC 9172 §5.1).

    `operation` is bib-integrity or bcb-confidentiality, `target` the block's number, `reason` a
    status report reason code from 12 to 16. The target is discarded, or the bundle deleted.
    """

    t_s: float
    node: str
    bundle: str
    operation: str
    target: int
    reason: int
    why: str


class BundleFragmented(NamedTuple):
    """A bundle was replaced by fragments (§5.8), named by their own identities."""

    t_s: float
    node: str
    bundle: str
    fragments: tuple[str, ...]


class BundleReassembled(NamedTuple):
    """Fragments made up a whole bundle again (§5.9)."""

    t_s: float
    node: str
    bundle: str
    fragments: tuple[str, ...]


class StatusReported(NamedTuple):
    """A status report reached this node (§6.1.1): of `subject`, by the node of endpoint `reporter`.

    `status` is what it asserts: received, forwarded, delivered, deleted; several with commas.
    """

    t_s: float
    node: str
    subject: str
    reporter: str
    status: str
    reason: int


class BundleHeld(NamedTuple):
    """At the end of the run a copy of the bundle is still in this node's store."""

    t_s: float
    node: str
    bundle: str


class BundleInFlight(NamedTuple):
    """At the end of the run a copy of the bundle is between two nodes."""

    t_s: float
    node: str
    bundle: str
    neighbour: str


class ContactStarted(NamedTuple):
    """The link to a neighbour came up: `contact` as planned, or as it really is."""

    t_s: float
    node: str
    neighbour: str
    contact: int


class ContactEnded(NamedTuple):
    """The link to a neighbour went down; `reason` is 'scheduled', or the fault that cut it."""

    t_s: float
    node: str
    neighbour: str
    contact: int
    reason: str


class FrameLost(NamedTuple):
    """A frame reached nobody: the contact was cut, the receiver was down, or noise took it."""

    t_s: float
    node: str
    neighbour: str
    bundle: str
    size_bytes: int
    reason: str


class FrameLate(NamedTuple):
    """A frame came too late to be held until its arrival time; `late_s` of emulated time."""

    t_s: float
    node: str
    neighbour: str
    late_s: float


class BlockSent(NamedTuple):
    """The last bit of a block with these bundles left for the first time (LTP, RFC 5326 §7.5)."""

    t_s: float
    node: str
    neighbour: str
    bundles: tuple[str, ...]


class SessionCompleted(NamedTuple):
    """An LTP session is over: the neighbour has acknowledged all of the block (RFC 5326 §7.4)."""

    t_s: float
    node: str
    neighbour: str
    session: str
    bundle_count: int
    block_bytes: int
    resent_bytes: int


class SessionCancelled(NamedTuple):
    """An LTP session ended before its time (RFC 5326 §7.6): which node ended it, code of §3.2.4."""

    t_s: float
    node: str
    neighbour: str
    session: str
    reason: int
    by: str


class SegmentLost(NamedTuple):
    """An LTP segment was lost, or discarded where it arrived; LTP sends it again if it is red."""

    t_s: float
    node: str
    neighbour: str
    reason: str


class PlanUpdated(NamedTuple):
    """A node goes by another version of the contact plan, which its origin has known since `known_s`."""

    t_s: float
    node: str
    version: int
    known_s: float


class NodeUp(NamedTuple):
    """A node joined the network: at the start, at its launch, or after a fault."""

    t_s: float
    node: str


class NodeDown(NamedTuple):
    """A node left the network; `reason` names the fault."""

    t_s: float
    node: str
    reason: str


class JobCreated(NamedTuple):
    """An event at a node is to be decided on: `place` computes it, as the policy `placement` says; "" where none does.

    `home` is told of the decision, `deadline_s` is when it must be in effect, `operations` are those of one of `runs`.
    """

    t_s: float
    node: str
    job: str
    flow: str
    placement: str
    place: str
    home: str
    input_bytes: int
    operations: int
    output_bytes: int
    deadline_s: float
    value: int
    runs: int


class JobSent(NamedTuple):
    """A bundle left with a job's `what`: its input, the answer that acts, or a report of it to home."""

    t_s: float
    node: str
    job: str
    bundle: str
    what: str


class JobQueued(NamedTuple):
    """A job is at its executor."""

    t_s: float
    node: str
    job: str


class JobStarted(NamedTuple):
    """A job has a slot of its executor."""

    t_s: float
    node: str
    job: str


class JobFinished(NamedTuple):
    """A job is done: it computed for `full_speed_s` and stood still, or ran slower, for the rest of its time.

    `wrong_runs` of its runs came out wrong.
    """

    t_s: float
    node: str
    job: str
    full_speed_s: float
    energy_j: float
    wrong_runs: int


class JobDropped(NamedTuple):
    """A job will not be done; `reason` says why."""

    t_s: float
    node: str
    job: str
    reason: str


class DecisionMade(NamedTuple):
    """The decision about a job's event is in effect, at this node."""

    t_s: float
    node: str
    job: str


class PowerShed(NamedTuple):
    """A node ran low and gave up `what`: computing, links or everything; `charge` is the part left in its battery."""

    t_s: float
    node: str
    what: str
    charge: float


class PowerRestored(NamedTuple):
    """A node had enough again for `what` it had given up."""

    t_s: float
    node: str
    what: str
    charge: float


class ComputingThrottled(NamedTuple):
    """Heat changed the speed at which a node may compute, 1 being full."""

    t_s: float
    node: str
    speed: float
    temperature_k: float


class EnergySampled(NamedTuple):
    """Where a node's energy stands: charge (J), what comes in and what is drawn (W), temperature (K; 0: unknown)."""

    t_s: float
    node: str
    charge_j: float
    capacity_j: float
    incoming_w: float
    drawn_w: float
    temperature_k: float


class EnergyAccounted(NamedTuple):
    """A node's energy at the end of the run, joules.

    start + incoming = charge + bus + terminal + computing + mass_driver + charging_loss + spilled. `unserved_j` is what
    loads asked of an empty battery in vain. On mains only the loads are known.
    """

    t_s: float
    node: str
    start_j: float
    charge_j: float
    incoming_j: float
    bus_j: float
    terminal_j: float
    computing_j: float
    mass_driver_j: float
    charging_loss_j: float
    spilled_j: float
    unserved_j: float


class LaunchDelayed(NamedTuple):
    """A mass driver has not got the energy for a launch that is due."""

    t_s: float
    node: str
    satellite: str
    missing_j: float


class SatelliteLaunched(NamedTuple):
    """A mass driver, which draws from `node`, has launched a satellite; `late_s` after it was due."""

    t_s: float
    node: str
    satellite: str
    energy_j: float
    late_s: float


class MemoryUpset(NamedTuple):
    """Particles flipped `bits` of a bundle in a node's memory, beyond what its protection mends."""

    t_s: float
    node: str
    bundle: str
    bits: int


class UpsetsCounted(NamedTuple):
    """At the end of the run: bits flipped in the memory that held bundles and frames, and what was left of them."""

    t_s: float
    node: str
    bit_days: float
    flips: int
    mended: int
    left: int
    bundles: int
    frames: int
    resets: int


Event = (
    BundleSourced
    | BundleReceived
    | BundleDuplicate
    | BundleMalformed
    | RouteComputed
    | RouteForfeited
    | TransferStarted
    | TransferFinished
    | TransferFailed
    | BundleDelivered
    | BundleDeleted
    | BundleLost
    | SecurityOperationFailed
    | BundleFragmented
    | BundleReassembled
    | StatusReported
    | BundleHeld
    | BundleInFlight
    | ContactStarted
    | ContactEnded
    | FrameLost
    | FrameLate
    | BlockSent
    | SessionCompleted
    | SessionCancelled
    | SegmentLost
    | PlanUpdated
    | NodeUp
    | NodeDown
    | PowerShed
    | PowerRestored
    | ComputingThrottled
    | EnergySampled
    | EnergyAccounted
    | LaunchDelayed
    | SatelliteLaunched
    | MemoryUpset
    | UpsetsCounted
    | JobCreated
    | JobSent
    | JobQueued
    | JobStarted
    | JobFinished
    | JobDropped
    | DecisionMade
)
"""Any event. The name in the log is the class's name."""

EVENT_TYPES: dict[str, type[Event]] = {
    kind.__name__: kind
    for kind in (
        BundleSourced,
        BundleReceived,
        BundleDuplicate,
        BundleMalformed,
        RouteComputed,
        RouteForfeited,
        TransferStarted,
        TransferFinished,
        TransferFailed,
        BundleDelivered,
        BundleDeleted,
        BundleLost,
        SecurityOperationFailed,
        BundleFragmented,
        BundleReassembled,
        StatusReported,
        BundleHeld,
        BundleInFlight,
        ContactStarted,
        ContactEnded,
        FrameLost,
        FrameLate,
        BlockSent,
        SessionCompleted,
        SessionCancelled,
        SegmentLost,
        PlanUpdated,
        NodeUp,
        NodeDown,
        PowerShed,
        PowerRestored,
        ComputingThrottled,
        EnergySampled,
        EnergyAccounted,
        LaunchDelayed,
        SatelliteLaunched,
        MemoryUpset,
        UpsetsCounted,
        JobCreated,
        JobSent,
        JobQueued,
        JobStarted,
        JobFinished,
        JobDropped,
        DecisionMade,
    )
}
