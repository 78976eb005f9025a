"""WHEN IT RUNS: Dagster assets, schedules, sensors, checks; the command line; the demo.

Nothing is decided here: an asset or a command opens, calls one plain function, reports.
"""
