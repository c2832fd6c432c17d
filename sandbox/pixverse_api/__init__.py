"""The PixVerse API of useapi.net on this machine, to try the bot and to test it: jobs follow scripted time lines."""

from sandbox.pixverse_api.api import PixverseApi

__all__ = ["PixverseApi"]
