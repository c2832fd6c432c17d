"""Lets thousands of jobs be watched at once, ends hundreds of them in a minute, and looks what becomes of the bot."""
