"""A local Discord: SimCord's virtual world behind a real REST API and gateway, and a driver for tests."""

from .answers import Answer, Field, Modal, NotAnswered, NotPossible
from .faults import Action, Body, Cut, Fault, Faults, Hold, RateLimit, Status
from .guilds_and_channels import Channel, Guild
from .members import Member
from .messages import Attachment, Button, Message
from .recording import RecordedRequest
from .sandbox import DiscordSandbox, UnsupportedCalls

__all__ = [
    "Action",
    "Answer",
    "Attachment",
    "Body",
    "Button",
    "Channel",
    "Cut",
    "DiscordSandbox",
    "Fault",
    "Faults",
    "Field",
    "Guild",
    "Hold",
    "Member",
    "Message",
    "Modal",
    "NotAnswered",
    "NotPossible",
    "RateLimit",
    "RecordedRequest",
    "Status",
    "UnsupportedCalls",
]
