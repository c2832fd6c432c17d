"""PostgreSQL, through psycopg. Imported only if DATABASE_URL names such a database."""
