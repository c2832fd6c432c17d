"""Whole accounts: every job of an account to the channels that follow it."""
