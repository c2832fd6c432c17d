"""Watches thousands of jobs at once, ends hundreds of them within a minute, and checks what the bot does."""
