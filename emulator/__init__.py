"""What happened: scenario, run, event log, reports and the command line."""
