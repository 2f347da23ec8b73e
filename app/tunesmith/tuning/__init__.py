"""Decide what to measure next and what the measurements say."""
