"""A certified bound on what any strategy could have done with a run's traffic and contacts.

`program` the linear program, `certificate` what it says about the folder of a run.
"""
