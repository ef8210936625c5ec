"""The search over arrays against the search in plain Python: the same routes, the same departures and arrivals.

The quick tests run the kernel's steps as plain Python, the slow one as numba compiles them.
"""

import itertools
import random
import sys
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_search import contacts

from dtn.contact_plan import Contact, ContactPlan
from dtn.routing import kernel
from dtn.routing.alternatives import alternatives, best_routes
from dtn.routing.index import PlanIndex
from dtn.routing.query import MANY_CONTACTS, Knowledge
from dtn.routing.search import search

numba = pytest.importorskip("numba")


COMPILED = [f"dtn.routing.compiled{part}" for part in ("", "_arrays", "_routes")]


@pytest.fixture
def steps(monkeypatch):
    """Load the steps without compiling them."""
    monkeypatch.setattr(numba.config, "DISABLE_JIT", 1)
    for name in COMPILED:
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield
    for name in COMPILED:
        sys.modules.pop(name, None)


def both(plan):
    """An index that is searched in plain Python, and one with the kernel."""
    plain, compiled = PlanIndex(plan), PlanIndex(plan)
    plain.searches = -sys.maxsize
    compiled.searches = kernel.WORTH_COMPILING
    return plain, compiled


def known_of(plan, draw, nodes):
    """What a node may know: queues, full contacts, nodes to avoid or not to enter first."""
    residual = [draw.choice((0, 1, 5, 1e9)) for _ in plan.contacts]
    backlog = {name: draw.choice((0, 0, 2)) for name in plan.nodes}
    return Knowledge(
        excluded=frozenset(draw.sample(plan.nodes, draw.randrange(2))),
        avoided=frozenset(draw.sample(range(nodes), draw.randrange(2)) if nodes > 2 else ()),
        residual_bytes=residual.__getitem__,
        backlog_bytes=backlog.__getitem__,
        queued=[name for name, waiting in backlog.items() if waiting],
        full=set(),
        deadline_s=draw.choice((25, 60, float("inf"))),
        closed_ends=draw.random() < 0.7,
    )


@given(
    plan=st.lists(contacts(), min_size=1, max_size=12).map(ContactPlan),
    at_s=st.integers(0, 20),
    size=st.sampled_from([0, 1, 5, 20]),
    seed=st.integers(0, 2**32),
)
@pytest.mark.usefixtures("steps")
def test_the_kernel_finds_the_routes_that_plain_python_finds(plan, at_s, size, seed):
    draw = random.Random(seed)
    nodes = len(plan.nodes)
    source, target = draw.sample(range(nodes), 2)
    plain, compiled = both(plan)
    assert search(compiled, source, target, at_s, size) == search(plain, source, target, at_s, size)
    known = known_of(plan, draw, nodes)
    known = known._replace(avoided=known.avoided - {source, target})
    found = [
        list(islice(alternatives(index, source, target, at_s, size, known), 4))
        for index in (compiled, plain)
    ]
    assert found[0] == found[1]
    for most, queued in itertools.product((1, 6), (known.queued, ())):
        known = known._replace(queued=queued)
        in_one_call = best_routes(compiled, source, target, at_s, size, most, known)
        assert in_one_call == best_routes(plain, source, target, at_s, size, most, known)
    assert compiled.kernel is not None
    assert plain.kernel is None


def crowded(draw):
    """A plan of few nodes and many contacts in whole seconds, where much arrives at one moment and ends at one."""
    names = [f"n{number}" for number in range(draw.randrange(3, 8))]
    grain = draw.choice((1, 5, 20))
    return ContactPlan(
        Contact(
            *draw.sample(names, 2),
            start := draw.randrange(60),
            grain * (start // grain + draw.randrange(1, 1 + 40 // grain)),
            draw.choice((8, 8, 16, (8.0, 16.0, 0.0))),
            draw.choice((0, 1, 1, 2, (1.0, 1.5, 2.0))),
        )
        for _ in range(draw.randrange(20, 60))
    )


def test_where_much_arrives_at_once_the_kernel_finds_the_same_routes_in_the_same_order(steps):
    draw = random.Random(5)
    for _ in range(50):
        plan = crowded(draw)
        plain, compiled = both(plan)
        for _ in range(3):
            source, target = draw.sample(range(len(plan.nodes)), 2)
            known = known_of(plan, draw, len(plan.nodes))
            known = known._replace(avoided=known.avoided - {source, target}, queued=())
            asked = source, target, draw.randrange(30), draw.choice((0, 1, 5)), 8, known
            assert best_routes(compiled, *asked) == best_routes(plain, *asked)


def test_the_kernel_waits_until_it_is_worth_its_while(steps):
    plan = ContactPlan([Contact("a", "b", 0, 10, 8, 1)])
    index = PlanIndex(plan)
    for _ in range(3):
        assert search(index, 0, 1, 0, 1).delivery_s == 2
    assert index.kernel is None
    index.searches = kernel.WORTH_COMPILING
    assert search(index, 0, 1, 0, 1).delivery_s == 2
    assert index.kernel is not None


def test_a_search_that_meets_very_many_contacts_counts_as_several():
    relays = [f"relay{number}" for number in range(3 * MANY_CONTACTS)]
    contacts = [Contact("a", relay, 0, 10, 8, 1) for relay in relays]
    index = PlanIndex(ContactPlan([*contacts, Contact(relays[-1], "z", 5, 10, 8, 1)]))
    assert search(index, index.ids["a"], index.ids["z"], 0, 1).delivery_s == 7
    assert index.searches == 1 + 3


@pytest.mark.slow
def test_compiled_it_finds_them_too():
    draw = random.Random(1)
    names = [f"n{number:02}" for number in range(20)]
    plan = ContactPlan(
        Contact(
            *draw.sample(names, 2),
            start := draw.uniform(0, 50_000),
            start + draw.uniform(100, 3000),
            draw.choice((1e6, (1e6, 2e6, 0.0))),
            draw.choice((1.0, 300.0, (1.2, 1.3, 1.4))),
        )
        for _ in range(1500)
    )
    plain, compiled = both(plan)
    for _ in range(400):
        ends, at_s = draw.sample(range(20), 2), draw.uniform(0, 50_000)
        known = known_of(plan, draw, 20)
        known = known._replace(
            avoided=known.avoided - set(ends), deadline_s=float("inf"), full=set()
        )
        found = [
            list(islice(alternatives(index, *ends, at_s, 100_000, known), 3))
            for index in (compiled, plain)
        ]
        assert found[0] == found[1]
        unqueued = known._replace(queued=())
        in_one_call = best_routes(compiled, *ends, at_s, 100_000, 8, unqueued)
        assert in_one_call == best_routes(plain, *ends, at_s, 100_000, 8, unqueued)
