"""The protocol, pure: bundles, contact plans, routing, the agent.

No event loop, no clock, no randomness of its own.
"""

from dtn import native

native.install()
