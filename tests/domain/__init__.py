"""Claims about tunesmith.domain."""
