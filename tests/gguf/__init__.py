"""Claims about tunesmith.gguf."""
