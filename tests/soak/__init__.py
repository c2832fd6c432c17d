"""Kills the real bot again and again while jobs end, and checks the result of every job."""
