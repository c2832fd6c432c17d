"""Faults of Discord, on the wire."""
