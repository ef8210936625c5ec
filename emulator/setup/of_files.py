"""The setup of a contact plan and a bundle list of the user's, or of a plan and one bundle."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dtn.contact_plan import Contact, ContactPlan
from dtn.contact_plan.contact import TIME_TOLERANCE_S
from dtn.errors import BadInput, Fault
from emulator.doubts import doubt
from emulator.files import digest_of
from emulator.setup.node_map import GREATEST
from emulator.setup.setup import Demand, Member, Setup


def from_files(plan_file: Path, traffic_file: Path, nodes_file: Path | None = None) -> Setup:
    """A contact plan and a bundle list of the user's: no ephemerides, every node there from 0.

    The run lasts until the last contact has ended, its light has arrived and the last lifetime is over. Contacts of
    one pair that overlap are a doubt (SABR, CCSDS 734.3-B, has none): a link is in one of them at a time.

    Args:
        plan_file: the contact plan, in any format.
        traffic_file: the bundle list.
        nodes_file: names and numbers of nodes, where the plan has only the one or the other.

    Raises:
        BadInput: every fault of a file.
    """
    from emulator.setup import bundle_list, node_map

    read = ContactPlan.load(plan_file)
    if nodes_file is not None:
        read = node_map.named(read, node_map.load(nodes_file))
    for first, second in _overlapping(read):
        doubt(
            f"{plan_file}: contacts of {first.source} to {first.destination} overlap from {second.start_s:g} s on:"
            " a link carries one at a time, though routing and bounds count the volume of both"
        )
    members = tuple(_numbered(read, plan_file))
    plan = ContactPlan(read.contacts, read.start_utc, {m.name: m.ipn for m in members})
    demands = bundle_list.load(traffic_file, plan.nodes)
    ends_s = [contact.end_s + contact.owlt_at(contact.end_s) for contact in plan.contacts]
    ends_s += [demand.created_s + demand.lifetime_s for demand in demands]
    files = [("--plan", plan_file), ("--traffic", traffic_file)]
    files += [] if nodes_file is None else [("--nodes", nodes_file)]
    return Setup(
        name=plan_file.stem,
        sha256=digest_of(*(file for _, file in files)),
        start=plan.start_utc,
        duration_s=max(ends_s),
        seed=1,
        strategy="sabr",
        plan=plan,
        members=members,
        demands=demands,
        source="\n".join(word for option, file in files for word in (option, str(file))),
    )


def _overlapping(plan: ContactPlan) -> Iterator[tuple[Contact, Contact]]:
    """The first two contacts of each pair of nodes that are open at once."""
    latest: dict[tuple[str, str], Contact] = {}
    told = set()
    for contact in plan.contacts:
        pair = (contact.source, contact.destination)
        before = latest.setdefault(pair, contact)
        if contact.end_s > before.end_s:
            latest[pair] = contact
        is_apart = before is contact or contact.start_s >= before.end_s - TIME_TOLERANCE_S
        if not is_apart and pair not in told:
            told.add(pair)
            yield before, contact


def alone(plan: ContactPlan, strategy: str, demand: Demand, duration_s: float) -> Setup:
    """One bundle alone in the network of a plan."""
    return Setup(
        name="alone",
        sha256="",
        start=plan.start_utc,
        duration_s=duration_s,
        seed=1,
        strategy=strategy,
        plan=plan,
        members=tuple(_numbered(plan)),
        demands=(demand,),
    )


def _numbered(plan: ContactPlan, file: Path | None = None) -> Iterator[Member]:
    """The nodes of a plan; those without a number get the next free one, in order of name.

    Raises:
        BadInput: a number that no node can have (RFC 9758).
    """
    mend = f"a node number is a whole number from 1 to {GREATEST}: give it another with --nodes"
    faults = [
        Fault("" if file is None else str(file), f'number of "{name}"', str(number), mend)
        for name, number in plan.ipn_numbers.items()
        if name in plan.nodes and not 1 <= number <= GREATEST
    ]
    if faults:
        raise BadInput(*faults)
    taken = set(plan.ipn_numbers.values())
    free = (number for number in range(1, 2**32) if number not in taken)
    for name in plan.nodes:
        number = plan.ipn_numbers.get(name)
        yield Member(name=name, ipn=next(free) if number is None else number)
