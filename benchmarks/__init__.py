"""Benchmarks: this app and other ways to build it, measured side by side in one run.

They are not part of the tests, because a machine's speed is not a property of the code.
docs/performance.md says how to run them, and has the results.
"""
