"""Own the headless interface."""
