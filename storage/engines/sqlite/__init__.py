"""SQLite: one file, one process, nothing else to run."""
