"""Nodes of ours on the network outside, beside other implementations: a file, a node that runs, words to it."""
