"""A constellation: a process a node, on one machine or many, over a broker."""
