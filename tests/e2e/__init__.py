"""End-to-end tests: the real bot against the sandbox's Discord and PixVerse."""
