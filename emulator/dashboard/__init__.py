"""The dashboard: a live picture of a run in the browser, or of a finished one from its folder.

`fold`: events to what the network is like now. `source`: where events and the clock come from. `session`: one
picture that all who watch share, and what they may ask of it. `frame`: the picture as JSON. `http`, `serving`: a small
server on asyncio streams, on its own loop in a thread. `page/`: the page, hand-written, no library, nothing from the
network.

A run under way (`live`) has the picture made elsewhere: `apart` starts the process that does, and hands on what happens
(`messages`); `told` is that process. `remote` hears a constellation over its broker. Replay, `told` and `remote` are
one to the fold.
"""
