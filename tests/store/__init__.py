"""Claims about tunesmith.store."""
