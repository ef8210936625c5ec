"""Events in words, for the feed, and the categories by which it is filtered."""

from __future__ import annotations

from enum import StrEnum

from dtn.events import (
    BlockSent,
    BundleDeleted,
    BundleDelivered,
    BundleDuplicate,
    BundleFragmented,
    BundleLost,
    BundleMalformed,
    BundleReassembled,
    BundleReceived,
    BundleSourced,
    ComputingThrottled,
    ContactEnded,
    ContactStarted,
    DecisionMade,
    Event,
    FrameLate,
    FrameLost,
    JobCreated,
    JobDropped,
    JobFinished,
    JobQueued,
    JobSent,
    JobStarted,
    LaunchDelayed,
    MemoryUpset,
    NodeDown,
    NodeUp,
    PowerRestored,
    PowerShed,
    RouteComputed,
    RouteForfeited,
    SatelliteLaunched,
    SecurityOperationFailed,
    SegmentLost,
    SessionCancelled,
    StatusReported,
    TransferFailed,
    TransferFinished,
    TransferStarted,
)
from emulator.reports.fates import reason_words
from emulator.reports.readable import bytes_text, energy_text


class Category(StrEnum):
    """What kind of thing happened."""

    FAULT = "faults"
    LINK = "links"
    BUNDLE = "bundles"
    TRANSFER = "transfers"


_CATEGORIES: dict[type, Category] = {
    BundleSourced: Category.BUNDLE,
    BundleDelivered: Category.BUNDLE,
    BundleDeleted: Category.BUNDLE,
    BundleFragmented: Category.BUNDLE,
    BundleReassembled: Category.BUNDLE,
    StatusReported: Category.BUNDLE,
    ContactStarted: Category.LINK,
    JobCreated: Category.BUNDLE,
    JobDropped: Category.FAULT,
    DecisionMade: Category.BUNDLE,
    BundleMalformed: Category.FAULT,
    SecurityOperationFailed: Category.FAULT,
    TransferFailed: Category.FAULT,
    BundleLost: Category.FAULT,
    FrameLost: Category.FAULT,
    FrameLate: Category.FAULT,
    SegmentLost: Category.FAULT,
    SessionCancelled: Category.FAULT,
    NodeUp: Category.FAULT,
    NodeDown: Category.FAULT,
    PowerShed: Category.FAULT,
    PowerRestored: Category.FAULT,
    ComputingThrottled: Category.FAULT,
    LaunchDelayed: Category.FAULT,
    SatelliteLaunched: Category.LINK,
    MemoryUpset: Category.FAULT,
}


def category_of(event: Event) -> Category:
    """The category that an event is filtered by; a link that a fault cut is a fault."""
    if type(event) is ContactEnded:
        return Category.LINK if event.reason == "scheduled" else Category.FAULT
    return _CATEGORIES.get(type(event), Category.TRANSFER)


def sentence(event: Event) -> str:
    """What happened, without when, where and to which bundle."""
    match event:
        case BundleSourced():
            return f"sourced {bytes_text(event.payload_bytes)} for {event.destination}"
        case BundleReceived() | BundleDuplicate():
            kind = "received" if isinstance(event, BundleReceived) else "duplicate"
            return f"{kind} from {event.previous}"
        case RouteComputed():
            return f"routed via {event.entry}"
        case RouteForfeited():
            return f"contact with {event.entry} ended before its turn"
        case TransferStarted():
            return f"first bit to {event.neighbour}, {bytes_text(event.size_bytes)}"
        case TransferFinished():
            return f"sent to {event.neighbour}"
        case TransferFailed() | FrameLost() | SegmentLost():
            kinds = {TransferFailed: "transfer to", FrameLost: "frame lost, link with"}
            kind = kinds.get(type(event), "segment lost, link with")
            return f"{kind} {event.neighbour}: {event.reason}"
        case BundleDelivered():
            return f"delivered to service {event.service}"
        case BundleDeleted():
            return f"deleted: {reason_words(event.reason)}"
        case BundleLost():
            return f"lost with the node's memory: {event.reason}"
        case BundleFragmented():
            return f"cut into {len(event.fragments)} fragments"
        case BundleReassembled():
            return f"whole again from {len(event.fragments)} fragments"
        case ContactStarted():
            return f"link to {event.neighbour} up"
        case ContactEnded():
            return f"link to {event.neighbour} down: {event.reason}"
        case FrameLate():
            return f"a frame from {event.neighbour} came {event.late_s:.3g} s too late"
        case NodeUp():
            return "up"
        case NodeDown():
            return f"down: {event.reason}"
        case PowerShed():
            return f"low power, {event.charge:.0%} left: {event.what} shed"
        case PowerRestored():
            return f"power again, {event.charge:.0%}: {event.what} back"
        case ComputingThrottled():
            return f"{event.temperature_k:.0f} K: computing at {event.speed:.0%}"
        case LaunchDelayed():
            return f"launch of {event.satellite} waits for {energy_text(event.missing_j)}"
        case SatelliteLaunched():
            return f"{event.satellite} launched with {energy_text(event.energy_j)}"
        case MemoryUpset():
            return f"{event.bits} bits flipped in memory"
        case BlockSent():
            return f"last bit of a block for {event.neighbour}"
        case JobCreated():
            return f"event {event.job}: to be decided at {event.place or 'no place'}"
        case JobSent():
            return f"carries the {event.what} of {event.job}"
        case JobQueued() | JobStarted():
            return (
                f"{event.job}: {'at its executor' if isinstance(event, JobQueued) else 'computing'}"
            )
        case JobFinished():
            return f"{event.job}: computed, {energy_text(event.energy_j)}"
        case JobDropped():
            return f"{event.job}: dropped, {event.reason}"
        case DecisionMade():
            return f"{event.job}: decision in effect"
        case SecurityOperationFailed() | BundleMalformed():
            return event.why if isinstance(event, SecurityOperationFailed) else event.reason
    fields = event._asdict()
    said = (f"{key} {value}" for key, value in list(fields.items())[2:] if key != "bundle")
    return f"{type(event).__name__}: {', '.join(said)}"
