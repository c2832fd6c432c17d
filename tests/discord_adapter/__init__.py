"""Tests of discord_adapter."""
