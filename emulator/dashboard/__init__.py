"""The dashboard: a live picture of a run in the browser, or of a finished one from its folder.

`fold`: events to what the network is like now. `source`: where events and the clock come from, a run
in this process or a replay. `session`: one picture that all who watch share, and what they may ask
of it. `frame`: the picture as JSON. `http`, `serving`: a small server on asyncio streams, on its own
loop in an I/O thread. `page/`: the page, hand-written, no library, nothing from the network.
"""
