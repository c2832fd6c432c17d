"""Relays every job of an account to the channels that follow the account."""
