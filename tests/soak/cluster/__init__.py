"""Several real bots on one real PostgreSQL, faults planned from a seed, and a checker of the event log."""
