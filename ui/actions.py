"""The buttons that carry a number."""

from __future__ import annotations

from enum import Enum


class Action(Enum):
    """A button with a number: the start of its custom id, and its label."""

    CHECK_NOW = ("card:check", "Check now")
    STOP_WATCHING = ("card:stop", "Stop watching")
    WATCH_AGAIN = ("card:again", "Watch again")
    STOP_BATCH = ("batch:stop", "Stop watching all")
    PING_ME = ("answer:ping", "Ping me")
    DO_NOT_PING_ME = ("answer:quiet", "Don't ping me")
    POST_AGAIN = ("answer:again", "Post it again")
    KEEP_OLD_JOBS = ("token:keep-jobs", "Keep the old jobs waiting")
    DROP_OLD_JOBS = ("token:drop-jobs", "Drop the old jobs")
    REMOVE_TOKEN = ("token:remove", "Remove the token")
    KEEP_TOKEN = ("token:keep", "Keep the token")
    DELETE_MY_DATA = ("me:delete", "Delete my data")
    KEEP_MY_DATA = ("me:keep", "Keep my data")
    ASK_TO_REPLACE = ("callback:replace", "Replace the address")
    REPLACE_ADDRESS = ("callback:new", "Replace the address")
    KEEP_ADDRESS = ("callback:keep", "Keep the address")
    DO_NOT_FOLLOW = ("follow:no", "Don't follow")
    PREVIOUS_RESULTS = ("results:previous", "Previous results")
    MORE_RESULTS = ("results:more", "More results")
    ALL_RESULTS = ("results:all", "Show all results")
    FAILED_RESULTS = ("results:failed", "Show failed results")
    PREVIOUS_FAILED = ("results:failed-previous", "Previous failed results")
    MORE_FAILED = ("results:failed-more", "More failed results")

    def __init__(self, prefix: str, label: str) -> None:
        self.prefix = prefix
        self.label = label
