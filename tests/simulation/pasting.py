"""Ways in which people paste job ids, and words that aren't ids."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from urllib.parse import quote

from tests.simulation.pixverse_world import Job

_PLAIN = 0.5
UNREAD = r"isn't a job id|more than one job id|looks like a|I only relay|too many at once"
"""What a reply says if it accepted no id."""
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
"""Ways of pasting an id; the last one, for v2 ids, has a line break in the middle."""
UNKNOWN = "job:1764547200000"
"""Has the form of an id, but no job has it."""
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
"""What somebody types in place of an id, and what the reply then says."""
NUMBERS = frozenset({"#0"})
"""Those of the words above that could be job numbers: whoever has no token is told that first."""


def pasted_id(random: Random, job: Job) -> str:
    """One id as somebody may paste it."""
    jobid = job.jobid
    if random.random() < _PLAIN:
        return jobid
    return random.choice(FORMS if job.is_v2 else FORMS[:-1])(jobid)


def pasted_ids(random: Random, jobs: list[Job]) -> str:
    """Several ids as somebody may paste them together."""
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
