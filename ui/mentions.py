"""Commands as people can click them."""

from __future__ import annotations

from collections.abc import Mapping


class CommandMentions:
    """Knows the ids that Discord gave the commands; until they are known, a command is named in plain text.

    One object serves the whole bot, so that texts made later use the ids as soon as they are known.
    """

    def __init__(self, ids: Mapping[str, int] | None = None) -> None:
        self._ids: dict[str, int] = dict(ids or {})

    def learn(self, ids: Mapping[str, int]) -> None:
        """Takes the ids of the root commands (`pixverse`, `pixverse-admin`)."""
        self._ids.update(ids)

    def __call__(self, name: str) -> str:
        """`pixverse status` as `</pixverse status:ID>`, or as `/pixverse status` where the id is not known."""
        known = self._ids.get(name.split(" ", 1)[0])
        return f"/{name}" if known is None else f"</{name}:{known}>"

    @property
    def status(self) -> str:
        """`/pixverse status`."""
        return self("pixverse status")

    @property
    def watch(self) -> str:
        """`/pixverse watch`."""
        return self("pixverse watch")

    @property
    def list(self) -> str:
        """`/pixverse list`."""
        return self("pixverse list")

    @property
    def token_set(self) -> str:
        """`/pixverse-admin token set`."""
        return self("pixverse-admin token set")

    @property
    def check(self) -> str:
        """`/pixverse-admin check`."""
        return self("pixverse-admin check")

    @property
    def deliveries(self) -> str:
        """`/pixverse-admin deliveries`."""
        return self("pixverse-admin deliveries")

    @property
    def follow(self) -> str:
        """`/pixverse-admin follow`."""
        return self("pixverse-admin follow")

    @property
    def unfollow(self) -> str:
        """`/pixverse-admin unfollow`."""
        return self("pixverse-admin unfollow")

    @property
    def alerts(self) -> str:
        """`/pixverse-admin alerts`."""
        return self("pixverse-admin alerts")
