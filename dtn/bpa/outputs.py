"""What the agent asks its surroundings to do. Events (dtn.events) are outputs too."""

from __future__ import annotations

from typing import NamedTuple

from dtn.bundle import Bundle
from dtn.events import Event


class Store(NamedTuple):
    """Commit the bundle under `ref`, then call `agent.stored(ref, now)`.

    At once in memory, after the commit on disk.
    """

    ref: int
    bundle: Bundle


class Release(NamedTuple):
    """No retention constraint is left (§5.10, §5.11): the store may forget `ref`."""

    ref: int


class Transmit(NamedTuple):
    """Hand the bundle to the convergence layer of `neighbour` (§5.4 step 4), which starts at once.

    The convergence layer answers `agent.link_ready(neighbour, now)` when it can take another
    bundle, and `agent.transfer_finished(transfer, now)` or `agent.transfer_failed(transfer, reason,
    now)` when this one's fate is known. `octets` are what goes out where it is not the bundle's encoding any more: when
    memory has damaged it.
    """

    transfer: int
    neighbour: str
    contact: int
    bundle_id: str
    bundle: Bundle
    size_bytes: int
    octets: bytes | None = None


class Deliver(NamedTuple):
    """Hand the payload to the application registered for `service` (§5.7)."""

    service: str
    bundle_id: str
    bundle: Bundle


Output = Store | Release | Transmit | Deliver | Event
