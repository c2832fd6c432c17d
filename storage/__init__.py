"""SQLite: every SQL statement of the project."""
