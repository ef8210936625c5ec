"""The running node: agent, convergence layers, channels and applications on an event loop."""

import dtn  # noqa: F401  # before any module here: it lets compiled ones be found
