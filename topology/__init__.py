"""Who can hear whom: ephemerides, trajectories, light time, visibility, laser links, contact plans."""
