"""Lockstep: processes in virtual time, each as far ahead as light time lets it be.

Nothing that happens at a node is felt at another before light has got there. So the contact plan says
how far a node may run on its own: until the earliest arrival, over any chain of contacts, of whatever
may still happen elsewhere, its own doings among it, for they may be answered. That is an earliest
arrival search from all nodes at once (conservative parallel simulation after Chandy, Misra and Bryant,
with the plan's own lookahead in place of null messages: a node behind the Moon is not waited for).

    node         runs what is due before its horizon, and reports when its next deed is due and what
                 it has sent
    synchroniser works out every horizon from the reports, and grants those that let a node go on

A grant says how many frames its node must have from each neighbour before it runs, so that no frame
can be overtaken. With arrivals of one moment in an order of their own (`nodes.channel.frame`), the
nodes' events are then those of one process, each in its place, however many processes there are.

At its best: the same log octet for octet, no waiting but for light, and a cost for each grant that is
small beside the messages that carry it. A link without light time leaves no lookahead, and is refused.

Both halves, `synchroniser` and `follower`, are machines without clock or broker;
`emulator.constellation.node_process` and `emulator.constellation.collector` carry what they say.
"""
