"""Keeps jobs' videos on the local disk, within limits."""
