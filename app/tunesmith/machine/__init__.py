"""Probe the machine: CPU topology, memory, power."""
