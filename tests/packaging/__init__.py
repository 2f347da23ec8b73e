"""Claims about packaging/."""
