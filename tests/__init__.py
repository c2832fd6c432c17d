"""Tests, in rooms that mirror the bot's."""
