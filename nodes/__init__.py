"""The running node: agent, convergence layers, channels and applications on an event loop."""
