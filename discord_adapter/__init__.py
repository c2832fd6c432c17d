"""Discord, as the relay uses it: client, gateway, posts, history, events, permissions, and answers to interactions."""
