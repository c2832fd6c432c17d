"""The version of the bot. A release changes it here and in pyproject.toml; see docs/releasing.md."""

VERSION = "1.0.0"
"""Semantic versioning: what contract, settings, database and exit codes promise decides its parts."""
