"""Neighbourhood: who sends to whom, when nodes are in processes of their own.

A node sends frames where it has contacts. And it is seen by those that have contacts to it, whether it has any to them
or not: who may run out of power lets them see when its terminals go off and on.
"""

from __future__ import annotations

from emulator.setup import Setup


def who_may_go_dark(setup: Setup) -> frozenset[str]:
    """Nodes that may have to switch their terminals off."""
    return frozenset(m.name for m in setup.members if m.spacecraft and m.spacecraft.power)


def speaking_links(setup: Setup) -> set[tuple[str, str]]:
    """From whom to whom something may be sent: each pair that one message on a link's topic can have."""
    contacts = {(contact.source, contact.destination) for contact in setup.plan.contacts}
    dark = who_may_go_dark(setup)
    return contacts | {(seen, seer) for seer, seen in contacts if seen in dark}
