"""Kills the real bot again and again while jobs end, and counts what has come of every one of them."""
