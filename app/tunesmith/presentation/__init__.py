"""Compute what a user is shown, without Qt."""
