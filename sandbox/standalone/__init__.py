"""The sandbox's Discord and PixVerse as processes of their own, which outlive the bots and keep a log for a checker."""
