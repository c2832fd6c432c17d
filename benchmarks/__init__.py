"""How fast, frugal and large the bot is: each figure beside what it is measured against, in one run on one machine."""
