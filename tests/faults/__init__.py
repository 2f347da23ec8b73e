"""Claims about faults, each caused for real."""
