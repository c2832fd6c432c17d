"""Which package imports which."""

from __future__ import annotations

from tests.mutations.mutation import IMPORT_RULES, mutation

MUTATIONS = (
    mutation(
        "a package imports one above it",
        IMPORT_RULES,
        "relay/clock.py",
        "import asyncio\n",
        "import asyncio\n\nimport ui.discord_limits\n",
    ),
    mutation(
        "the relay knows Discord",
        IMPORT_RULES,
        "relay/clock.py",
        "import asyncio\n",
        "import asyncio\n\nimport discord\n",
    ),
    mutation(
        "the relay knows the database's engine",
        IMPORT_RULES,
        "relay/clock.py",
        "import asyncio\n",
        "import asyncio\n\nimport sqlite3\n",
    ),
)
