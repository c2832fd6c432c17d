"""Several real bots on one real PostgreSQL, disturbed by a plan that follows from a seed, and a checker of the log."""
