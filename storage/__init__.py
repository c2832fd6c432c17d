"""Every SQL statement of the project; `engines/` knows SQLite and PostgreSQL."""
