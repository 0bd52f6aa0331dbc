"""Several machines' worth of processes under faults: `python -m tests.reliability`."""
