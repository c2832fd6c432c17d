"""What Discord shows beside each command and option while one is typed."""

from __future__ import annotations

PIXVERSE = "PixVerse jobs and their results"
STATUS = "Show a PixVerse job and, while it runs, post its result here"
STATUS_JOBID = "The job id, or pick one of your own recent jobs"
STATUS_MENTION = "Ping me when it ends (default: yes)"
STATUS_PRIVATE = "Only show it to me, post nothing (default: no)"
STATUS_SPOILER = "Hide the video behind a click (default: no)"
WATCH = "Post the results of several jobs here"
WATCH_JOBIDS = "Up to 25 job ids, with spaces, commas or line breaks between them"
WATCH_MENTION = "Ping me once, when the last one has ended (default: yes)"
UNWATCH = "Stop waiting for a job here; the job itself goes on"
UNWATCH_JOBID = "The job id, or pick one of the jobs watched here"
LIST = "What is watched in this channel (only you see the answer)"

PIXVERSE_ADMIN = "Set up this bot on this server"
TOKEN = "This server's useapi.net token"
TOKEN_SET = "Set this server's useapi.net token (opens a private form)"
TOKEN_REMOVE = "Remove this server's useapi.net token"
CHECK = "What works here, what doesn't, and what to do about it"
ALERTS = "Choose where I tell admins about token and permission problems"
ALERTS_CHANNEL = "The channel for these messages"
