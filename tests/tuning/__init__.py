"""Claims about tunesmith.tuning."""
