"""How people paste job ids, and words that are none."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from urllib.parse import quote

from tests.simulation.pixverse_world import Job

_PLAIN = 0.5
UNREAD = r"isn't a job id|more than one job id|looks like a|I only relay|too many at once"
"""What an answer says that took no id."""
_FULL_WIDTH = str.maketrans({":": "\uff1a", "-": "\u2010", "@": "\uff20"})
FORMS: tuple[Callable[[str], str], ...] = (
    lambda jobid: f"  <{jobid}> ",
    lambda jobid: f"`{jobid}`",
    lambda jobid: quote(jobid, safe=""),
    lambda jobid: f'"jobid": "{jobid}",',
    lambda jobid: f'{{"jobid":"{jobid}","status":"created"}}',
    lambda jobid: f"https://api.useapi.net/v1/pixverse/jobs/?jobid={quote(jobid, safe='')}",
    lambda jobid: f"please look at {jobid}, thanks",
    lambda jobid: jobid.translate(_FULL_WIDTH),
    lambda jobid: f"{jobid[: jobid.rindex(':') - 3]} {jobid[jobid.rindex(':') - 3 :]}",
)
"""Ways in which an id is pasted; the last one, for ids of v2, is torn by a line break."""
UNKNOWN = "job:1764547200000"
"""Has the form of an id, and no job has it."""
NONSENSE = (
    ("@everyone", "isn't a job id"),
    ("x" * 400, "isn't a job id"),
    ("please do it", "isn't a job id"),
    ("tomorrow", "isn't a job id"),
    (f"{UNKNOWN} please", "isn't a job id"),
    ("user:1000-pixverse:nobody", "isn't a job id"),
    ("job:%00", "a job id"),
    ("user:1000-pixverse:a@b.example-video:1/../../x", "a job id|secret"),
    ("user:1000-pixverse:a@b.example-music:12", "looks like|not a video"),
    ("job:1-bot:midjourney", "Midjourney"),
    ("user:5-abcdefabcdef", "secret"),
    ("Bearer abcdefabcdef", "secret"),
    (quote(quote(quote("user:5-abcdefabcdef"))), "secret"),
    ("MTAwMDAwMDAwMDAwMDAwMDAw.GaBcDe.abcdefghijklmnopqrstuvwxyz0123456789AB", "secret"),
    ("#0", "number|job id|not found|isn't watched"),
)
"""What somebody gives in the place of an id, and what the answer then says."""
NUMBERS = frozenset({"#0"})
"""Of these words, those that can be numbers: whoever has no token yet is told so first."""


def one(random: Random, job: Job) -> str:
    """An id as somebody may paste it."""
    jobid = job.jobid
    if random.random() < _PLAIN:
        return jobid
    return random.choice(FORMS if job.is_v2 else FORMS[:-1])(jobid)


def many(random: Random, jobs: list[Job]) -> str:
    """Ids as somebody may paste them together."""
    ids = [job.jobid for job in jobs]
    if random.random() < _PLAIN:
        return " ".join(ids)
    return random.choice(
        (
            ",".join(ids),
            "\n".join(f"- {jobid}" for jobid in ids),
            f"these are mine: {' and '.join(ids)}.",
            " ".join([ids[0], "user:5-abcdefabcdef", *ids[1:]]),
            " ".join(quote(jobid, safe="") for jobid in ids),
            ", ".join(f'"{jobid}"' for jobid in ids),
        )
    )
