"""Claims about tunesmith.worker."""
