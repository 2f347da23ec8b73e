"""Measurements of Tunesmith itself; run by hand, one command each, never in CI."""
