"""Tests, in packages that mirror the bot's."""
