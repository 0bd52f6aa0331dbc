"""Measured side by side in one run: this app, and what else people build such an app with.

Never part of the tests: a machine's speed is no property of the code. docs/performance.md says how
to run them and what came out.
"""
