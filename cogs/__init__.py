"""The slash commands, buttons and message menu, and the background loops."""
