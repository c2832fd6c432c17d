"""The reduced forms in which a refused message is sent again. Each is stored as a short text with its delivery."""

from __future__ import annotations

from dataclasses import dataclass, replace

from model.messages import Cause, LinkReason
from relay.delivery import nonces


@dataclass(frozen=True, slots=True)
class Variant:
    """What is left out of a message. The default leaves out nothing."""

    links: frozenset[int] = frozenset()
    """Videos (counted from 1) that go as links because they are too large for the server."""
    without_api_text: bool = False
    """Whether texts that the bot did not write are left out: those from the API, or a channel's name in a notice."""
    no_files: bool = False
    no_reply: bool = False
    no_ping: bool = False
    """Whether pings are left out, because the message may have been posted with them before."""
    no_edit: bool = False
    """Whether a notice is sent as a new message, because the alert that it would replace cannot be edited."""
    replaces_deleted_at: int = 0
    """When the message was requested to replace a deleted one, in milliseconds UTC, or 0. It gives the message another
    nonce: Discord may still remember that of the deleted message, and would post nothing."""
    why: Cause | None = None
    """Why Discord refused the previous form; None if nothing was refused, or only for lack of a permission."""

    @property
    def is_reduced(self) -> bool:
        """Whether texts or files are left out."""
        return self.without_api_text or self.no_files

    def whole(self) -> Variant:
        """The form with the API's texts and files put back."""
        return replace(self, without_api_text=False, no_files=False, why=None)

    @property
    def link_reason(self) -> LinkReason:
        """Why no file is attached if `no_files` is set."""
        if self.why is None:
            return LinkReason.MAY_NOT_ATTACH
        return LinkReason.UPLOADS_LIMITED if self.why is Cause.UPLOADS_LIMITED else LinkReason.FILE_REFUSED

    def with_link(self, index: int) -> Variant:
        """The form with one more video as a link."""
        return replace(self, links=self.links | {index})

    def format(self) -> str:
        """The text that is stored, such as `links=2,3;wordless;nofiles;noreply;noping;noedit;reposted=7;why=words`;
        empty for the default."""
        parts = [f"links={','.join(map(str, sorted(self.links)))}"] if self.links else []
        if self.without_api_text:
            parts.append("wordless")
        if self.no_files:
            parts.append("nofiles")
        if self.no_reply:
            parts.append("noreply")
        if self.no_ping:
            parts.append("noping")
        if self.no_edit:
            parts.append("noedit")
        if self.replaces_deleted_at:
            parts.append(f"reposted={self.replaces_deleted_at}")
        if self.why is not None:
            parts.append(f"why={self.why}")
        return ";".join(parts)

    @classmethod
    def parse(cls, text: str) -> Variant:
        """Reads what `format` wrote; other parts are ignored."""
        parts = text.split(";")
        numbers = [part.removeprefix("links=").split(",") for part in parts if part.startswith("links=")]
        links = frozenset(int(number) for group in numbers for number in group if number.isdecimal())
        times = [part.removeprefix("reposted=") for part in parts if part.startswith("reposted=")]
        why = next((cause for cause in Cause if f"why={cause}" in parts), None)
        return cls(
            links,
            without_api_text="wordless" in parts,
            no_files="nofiles" in parts,
            no_reply="noreply" in parts,
            no_ping="noping" in parts,
            no_edit="noedit" in parts,
            replaces_deleted_at=next((int(time) for time in times if time.isdecimal()), 0),
            why=why,
        )

    def nonce(self, base_nonce: str) -> str:
        """The nonce of the message in this form. `why` and `no_reply` don't affect it: if Discord refuses a reply
        (160002), it has stored nothing."""
        return nonces.for_variant(base_nonce, replace(self, no_reply=False, why=None).format())
