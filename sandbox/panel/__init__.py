"""The control panel of the sandbox: a page on loopback with the chat, and a switch for whatever can happen."""

from sandbox.panel.server import Panel, PortTaken

__all__ = ["Panel", "PortTaken"]
