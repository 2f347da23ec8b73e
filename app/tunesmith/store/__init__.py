"""Keep machines, models, runs, samples and profiles in SQLite."""
