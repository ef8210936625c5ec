"""Studies: strategies x parameters x seeds, each one a run, compared by statistics that are fair.

study       the study file, and the cells that it stands for
measure     one run folded into a table of its bundles and a few numbers
cell        one cell: flown, addressed by its content, kept as Parquet
crew        who flies cells: this process, others on this machine, a Dask cluster
sweep       a study from file to folder
statistics  means, confidence intervals, paired differences, censored delays
report      report.html of a study
"""
