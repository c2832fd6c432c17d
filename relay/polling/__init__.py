"""Decides when to request a job from the API, and records what the responses change."""
