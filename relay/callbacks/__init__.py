"""Handles what useapi.net posts to servers' callback addresses: hints, never facts."""
