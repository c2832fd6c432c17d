"""PostgreSQL, by psycopg. Imported only where DATABASE_URL names such a database."""
