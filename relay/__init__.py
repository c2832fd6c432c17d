"""When to poll what, and what follows from an answer; knows no Discord."""
