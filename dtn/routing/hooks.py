"""Hooks: what a strategy may do besides deciding, each optional, given to the decorator by name.

    @strategy("prophet", summary=summary, learn=learn)
    def prophet(view, bundle): ...

A node tells a neighbour nothing for free: what `summary` returns travels as an administrative record
(RFC 9171 section 6.1) over the link, costs its octets and takes its light time, and is handed to the
neighbour's `learn` when it gets there. Then the neighbour's strategy is asked again about what it
holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Self

from dtn.errors import InvalidValue

if TYPE_CHECKING:
    from dtn.routing.strategy import BundleView, View


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What a strategy asks of the engine, and its hooks.

    Args:
        tokens: copies that a bundle starts with, for strategies that count copies.
        tracks_copies: whether neighbours' `seen` is kept: which bundles went to them or came from them.
        source_routes: whether the rest of a route travels with the bundle (`bundle.planned`).
        shares: whether all nodes of a run share `view.world`: for strategies that are no protocol, such as an oracle.
        contact_up: told the view and a neighbour's name when a contact to it begins.
        contact_down: the same when it ends.
        sent: told the view, a bundle and the neighbour that has it now.
        lost: told the view, a bundle and the neighbour that it did not reach: a transfer failed, or its contact ended.
        summary: asked when a contact begins what to tell this neighbour; octets, or None for nothing.
        learn: told the view, the neighbour and the octets of its summary.
        plan_changed: told the view and the version when this node goes by another contact plan, to forget what followed
            from the old one.
            Without it the engine empties `view.memory`.
        worth_asking: told the view and the bundles on hold when a contact begins or a summary came in; gives those
            about which there is something to decide, in the order in which to ask. The others stay on hold, as if the
            answer were Hold(). It orders a buffer, and saves time where most of what is held was given to everyone met.
    """

    tokens: int = 0
    tracks_copies: bool = False
    source_routes: bool = False
    shares: bool = False
    contact_up: Callable[[View, str], None] | None = None
    contact_down: Callable[[View, str], None] | None = None
    sent: Callable[[View, BundleView, str], None] | None = None
    lost: Callable[[View, BundleView, str], None] | None = None
    summary: Callable[[View, str], bytes | None] | None = None
    learn: Callable[[View, str, bytes], None] | None = None
    plan_changed: Callable[[View, int], None] | None = None
    worth_asking: Callable[[View, Sequence[BundleView]], Sequence[BundleView]] | None = None

    @classmethod
    def of(cls, traits: Mapping[str, Any]) -> Self:
        """Traits by name.

        Raises:
            InvalidValue: there is no such trait.
        """
        known = [field.name for field in fields(cls)]
        for name, value in traits.items():
            if name not in known:
                raise InvalidValue(f"trait {name}", value, f"choose from {', '.join(known)}")
        return cls(**traits)
