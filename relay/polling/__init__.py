"""When to ask the API about a job, and what its responses change."""
