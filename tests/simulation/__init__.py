"""The whole bot in a simulated world; see docs/simulation.md."""
