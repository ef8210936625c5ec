"""Who can hear whom: ephemerides, trajectories, light time, visibility, lasers, contact plans."""
