"""The errors Lightlag raises, as one small tree with data in it.

    LightlagError
    ├── MalformedBundle      octets from outside are no bundle; costs that bundle and nothing else
    ├── MalformedSegment     octets from outside are no LTP segment; discarded, and the session lives on
    ├── MalformedMessage     octets from outside are no TCPCL message; ends that session and nothing else
    ├── MalformedFrames      octets from another process are no frames; costs that message
    ├── InvalidValue         one value cannot be what it claims (a Contact that ends before it begins)
    ├── FramesLate           frames came too late to be held, and the run was to be strict
    ├── StrategyFault        a routing strategy raised or broke a rule; names strategy, node, bundle and rule
    ├── FunctionFault        a placement policy or a model raised or broke a rule; names it, node, job and rule
    └── BadInput             files or arguments of the user's, every fault at once; exit code 2

A fault of the *network* (a frame lost, a contact cut, a bundle expired) is an event, not an exception.
Any other exception is a defect of ours.
"""

from __future__ import annotations

from dataclasses import dataclass


class LightlagError(Exception):
    """The root of the tree."""


class MalformedBundle(LightlagError):
    """Octets that are not a well-formed bundle (RFC 9171 section 5.6 step 3).

    Args:
        layer: which check failed: cbor, encoding, codec, extension, bpsec, rules, ingress or
            administrative.
        reason: what is wrong, in words.
        offset: where in the octets, where that is known.
    """

    def __init__(self, layer: str, reason: str, offset: int | None = None) -> None:
        self.layer = layer
        self.reason = reason
        self.offset = offset
        where = "" if offset is None else f" at octet {offset}"
        super().__init__(f"{layer}: {reason}{where}")


class MalformedSegment(LightlagError):
    """Octets that are not a well-formed LTP segment (RFC 5326 section 6): discard them.

    Args:
        reason: what is wrong, in words.
        offset: where in the octets.
    """

    def __init__(self, reason: str, offset: int) -> None:
        self.reason = reason
        self.offset = offset
        super().__init__(f"{reason} at octet {offset}")


class MalformedFrames(LightlagError):
    """Octets between processes that are not frames of a link: discard the message.

    Args:
        reason: what is wrong, in words.
        offset: where in the octets.
    """

    def __init__(self, reason: str, offset: int) -> None:
        self.reason = reason
        self.offset = offset
        super().__init__(f"{reason} at octet {offset}")


class InvalidValue(LightlagError, ValueError):
    """One value that cannot stand. Readers of files turn it into a Fault that names the file."""

    def __init__(self, key: str, value: object, mend: str) -> None:
        self.key = key
        self.value = value
        self.mend = mend
        super().__init__(f"{key} = {value!r}: {mend}")


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of the user's input: where it is, what it says, how to mend it."""

    file: str
    key: str
    value: str
    mend: str

    def __str__(self) -> str:
        place = ": ".join(part for part in (self.file, self.key) if part)
        said = f" = {self.value}" if self.value else ""
        return f"{place}{said}: {self.mend}"


class FramesLate(LightlagError):
    """Frames came too late to be held until they arrive, and the run was to be strict."""


class BadInput(LightlagError):
    """What the user gave cannot be used. Carries every fault that was found, never only the first."""

    def __init__(self, *faults: Fault) -> None:
        self.faults = faults
        super().__init__("\n".join(str(fault) for fault in faults))


class StrategyFault(LightlagError):
    """A routing strategy raised, or broke a rule of its interface; the run ends and says so.

    Args:
        strategy: its name.
        node: where it was asked.
        bundle: about which bundle.
        rule: what it did wrong, in words.
    """

    def __init__(self, strategy: str, node: str, bundle: str, rule: str) -> None:
        self.strategy = strategy
        self.node = node
        self.bundle = bundle
        self.rule = rule
        super().__init__(f"strategy {strategy!r} at {node!r}, bundle {bundle}: {rule}")


class FunctionFault(LightlagError):
    """A placement policy or a model of the user's raised, or broke a rule; the run ends and says so.

    Args:
        kind: what it is: placement, model.
        name: its name.
        node: where it was asked.
        job: about which job.
        rule: what it did wrong, in words.
    """

    def __init__(self, kind: str, name: str, node: str, job: str, rule: str) -> None:
        self.kind = kind
        self.name = name
        self.node = node
        self.job = job
        self.rule = rule
        super().__init__(f"{kind} {name!r} at {node!r}, job {job}: {rule}")
