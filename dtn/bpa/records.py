"""Records: what one node writes down beside each bundle (`StoredBundle`): names, times, class of service."""

from __future__ import annotations

import math

from dtn.bpa.blocks import Facts, read_facts
from dtn.bpa.front import Front
from dtn.bpa.request import AgentOptions
from dtn.bundle import Bundle
from dtn.codec import encoded_size
from dtn.stored_bundle import StoredBundle


class Records:
    """Makes the records of one node and gives out their refs, 1, 2, ..."""

    def __init__(self, options: AgentOptions) -> None:
        self.last_ref = 0
        self._options = options
        self._visits: dict[tuple[int, ...], frozenset[str]] = {}

    def sourced(self, bundle: Bundle, now_s: float, lifetime_s: float, tokens: int) -> StoredBundle:
        """Of a bundle made here and now, with so many copies to give away."""
        record = self._record(bundle, read_facts(bundle, self._options.names), now_s, None)
        record.created_s = now_s
        record.expires_s = now_s + min(lifetime_s, self._options.lifetime_override_s)
        record.tokens = tokens
        return record

    def received(
        self, bundle: Bundle, facts: Facts, now_s: float, light_s: float, previous: str | None
    ) -> StoredBundle:
        """Of a bundle that came in, or that was in the store when the node started."""
        record = self._record(bundle, facts, now_s, previous)
        primary, options = bundle.primary, self._options
        if primary.creation.time_ms and options.clock_trusted:
            record.created_s = (primary.creation.time_ms - options.start_dtn_ms) / 1000
        else:  # §5.5: by its age, which lacks the light time of the hop (§4.4.2)
            record.created_s = now_s - light_s - (facts.age_ms or 0) / 1000
        lifetime_s = min(primary.lifetime_ms / 1000, options.lifetime_override_s)
        record.expires_s = record.created_s + lifetime_s
        return record

    def front_of(self, bundle: Bundle) -> Front:
        """What the blocks before the payload say of an ordinary bundle."""
        facts = read_facts(bundle, self._options.names)
        return Front(
            bundle.blocks[:-1],
            facts.priority,
            facts.critical,
            facts.hops,
            facts.hop_limit,
            self._names_of(facts.visited),
        )

    def piece(self, bundle: Bundle, of: StoredBundle) -> StoredBundle:
        """Of a fragment that was made here (§5.8): its times and names are those of the whole."""
        record = self._record(
            bundle, read_facts(bundle, self._options.names), of.received_s, of.came_from
        )
        record.created_s = of.created_s
        record.expires_s = of.expires_s
        record.visited = of.visited
        record.tokens = of.tokens
        return record

    def _record(
        self, bundle: Bundle, facts: Facts, now_s: float, came_from: str | None
    ) -> StoredBundle:
        self.last_ref += 1
        record = StoredBundle(
            self.last_ref,
            bundle,
            bundle.id_text,
            facts.source,
            facts.destination,
            encoded_size(bundle),
            now_s,
            math.inf,
            now_s,
            came_from,
            facts.priority,
            facts.critical,
            facts.hops,
            facts.tokens,
            self._names_of(facts.visited),
        )
        if facts.planned:
            names, start_ms = self._options.names, self._options.start_dtn_ms
            record.planned = tuple(
                (names.get(node, ""), (begin_ms - start_ms) / 1000)
                for node, begin_ms in facts.planned
            )
        return record

    def _names_of(self, nodes: tuple[int, ...]) -> frozenset[str]:
        """Names of the nodes of a route record; those unknown here are left out."""
        known = self._visits.get(nodes)
        if known is None:
            names = self._options.names
            known = frozenset(names[node] for node in nodes if node in names)
            self._visits[nodes] = known
        return known
