"""Claims about tunesmith.services."""
