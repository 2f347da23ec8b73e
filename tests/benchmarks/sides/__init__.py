"""Own the parts of the side-by-side comparison: searches, re-measurement, record, report."""
