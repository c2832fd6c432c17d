"""Decides what cards and summaries show, and when they are edited."""
