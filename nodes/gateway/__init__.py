"""Programs of others in a node's place: their traffic crosses the emulated links like any node's."""
