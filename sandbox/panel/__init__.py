"""The sandbox's control panel: a local page with the chat and a switch for everything that can happen."""

from sandbox.panel.server import Panel, PortTaken

__all__ = ["Panel", "PortTaken"]
