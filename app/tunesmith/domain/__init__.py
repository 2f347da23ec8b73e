"""Frozen values and pure functions: no files, no clocks, no threads."""
