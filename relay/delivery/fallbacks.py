"""How a message is made up after a refusal: kept as a short text with its delivery."""

from __future__ import annotations

from dataclasses import dataclass, replace

from model.messages import Cause, LinkReason
from relay.delivery import nonces


@dataclass(frozen=True, slots=True)
class Variant:
    """What is left out of a message. The default leaves out nothing."""

    links: frozenset[int] = frozenset()
    """Videos (counted from 1) that go as links, since they are too large for the server."""
    without_api_text: bool = False
    """No word of the API."""
    no_files: bool = False
    no_reply: bool = False
    no_ping: bool = False
    """It may have pinged already."""
    no_edit: bool = False
    """A message of its own, where it cannot take the place of another one."""
    why: Cause | None = None
    """Why Discord refused the form before this one; None where it was for a permission, or nothing was refused."""

    @property
    def is_reduced(self) -> bool:
        """Whether words or files were left out."""
        return self.without_api_text or self.no_files

    def whole(self) -> Variant:
        """With everything that was left out for a refusal of the whole message."""
        return replace(self, without_api_text=False, no_files=False, why=None)

    @property
    def link_reason(self) -> LinkReason:
        """Why no file is attached, where `no_files` says so."""
        if self.why is None:
            return LinkReason.MAY_NOT_ATTACH
        return LinkReason.UPLOADS_LIMITED if self.why is Cause.UPLOADS_LIMITED else LinkReason.FILE_REFUSED

    def with_link(self, index: int) -> Variant:
        """The same, with one more video as a link."""
        return replace(self, links=self.links | {index})

    def format(self) -> str:
        """As it is kept: `links=2,3;wordless;nofiles;noreply;noping;noedit;why=words`, empty for the default."""
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
        if self.why is not None:
            parts.append(f"why={self.why}")
        return ";".join(parts)

    @classmethod
    def parse(cls, text: str) -> Variant:
        """What `format` wrote; parts that it never writes are left out."""
        parts = text.split(";")
        numbers = [part.removeprefix("links=").split(",") for part in parts if part.startswith("links=")]
        links = frozenset(int(number) for group in numbers for number in group if number.isdecimal())
        why = next((cause for cause in Cause if f"why={cause}" in parts), None)
        return cls(
            links,
            without_api_text="wordless" in parts,
            no_files="nofiles" in parts,
            no_reply="noreply" in parts,
            no_ping="noping" in parts,
            no_edit="noedit" in parts,
            why=why,
        )

    def nonce(self, base_nonce: str) -> str:
        """The nonce of the message in this form. Whether it is a reply changes nothing: Discord refuses a reply that it
        does not allow (160002) without storing anything. Nor does the cause."""
        return nonces.for_variant(base_nonce, replace(self, no_reply=False, why=None).format())
