"""When to ask the API what, and what its answers bring."""
