"""Claims about tunesmith.machine."""
