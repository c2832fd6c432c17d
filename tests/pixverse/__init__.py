"""Tests of pixverse."""
