"""Convergence layers: what takes a bundle from one node to the next (RFC 9171 section 7)."""
