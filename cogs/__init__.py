"""Discord's face: commands, events and the loops that post."""
