"""Where recipe, data, engine and run folder meet: one file for each part of a run's way."""
