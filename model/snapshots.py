"""The last answer about a job, as it is kept in the database."""

from __future__ import annotations

import json
import re

from pydantic import TypeAdapter, ValidationError

from model.job import Job

_JOB: TypeAdapter[Job] = TypeAdapter(Job)

_PROMPT = re.compile(r'"prompt":("[^"\\]*(?:\\.[^"\\]*)*")')
"""Only a job has a field of that name, and inside a text its quotation marks would be escaped."""


def dump(job: Job) -> str:
    """The job as JSON; equal jobs give equal text."""
    return _JOB.dump_json(job, exclude_defaults=True).decode()


def load(snapshot: str | None) -> Job | None:
    """The job that `dump` wrote, or None where there is none, or one that cannot be read any more."""
    if snapshot is None:
        return None
    try:
        return _JOB.validate_json(snapshot)
    except ValidationError:
        return None


def prompt_of(snapshot: str | None) -> str:
    """The prompt of the job that `dump` wrote, empty where there is none; a small part of the work of `load`."""
    found = _PROMPT.search(snapshot) if snapshot is not None else None
    return str(json.loads(found[1])) if found is not None else ""
