"""Reports: each a fold over the events of a run and its contact plan, nothing else.

`history` groups the events by bundle and by link, once; `fates`, `breakdown` and `ideal` read it;
`bundles` sets their answers side by side, one row a bundle; `summary`, `table`, `html`, `picture`
and `trace` show them.
"""
