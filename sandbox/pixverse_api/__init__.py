"""A simulated PixVerse API of useapi.net; its jobs follow scripted time lines."""

from sandbox.pixverse_api.api import PixverseApi

__all__ = ["PixverseApi"]
