"""Which work is this process's, where several processes share a database, and what the others have changed."""
