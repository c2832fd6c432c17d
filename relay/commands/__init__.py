"""Carries out what people ask for with commands and buttons."""
