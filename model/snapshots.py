"""The last response about a job, as the database stores it."""

from __future__ import annotations

import json
import re

from pydantic import TypeAdapter, ValidationError

from model.job import Job

_JOB: TypeAdapter[Job] = TypeAdapter(Job)

_PROMPT = re.compile(r'"prompt":("[^"\\]*(?:\\.[^"\\]*)*")')
"""Only the job has a field of this name, and within a text the quotation marks would be escaped."""


def dump(job: Job) -> str:
    """The job as JSON. Equal jobs give equal texts."""
    return _JOB.dump_json(job, exclude_defaults=True).decode()


def load(snapshot: str | None) -> Job | None:
    """The job that `dump` wrote; None if there is none or this version cannot read it."""
    if snapshot is None:
        return None
    try:
        return _JOB.validate_json(snapshot)
    except ValidationError:
        return None


def prompt_of(snapshot: str | None) -> str:
    """The prompt of the job that `dump` wrote; empty if there is none. Much faster than `load`."""
    found = _PROMPT.search(snapshot) if snapshot is not None else None
    return str(json.loads(found[1])) if found is not None else ""
