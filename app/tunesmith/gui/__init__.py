"""Own windows, pages and plots: Qt lives here and nowhere else."""
