"""In which scene each mutation breaks a law, in one of its first four variants. `power` plays just those."""

from __future__ import annotations

SEEN: dict[str, tuple[str, ...]] = {
    "deliveries.again": (
        "an outcome that is posted once more is late",
        "the nonce is another one each time",
        "the outcome comes without its files",
        "two quick presses post an outcome twice",
        "what the API wrote may ping",
    ),
    "deliveries.card_deleted": ("a reply needs its card",),
    "deliveries.doubted": (
        "a proxy's page is believed like a refusal of Discord's",
        "a refusal after an earlier try that may have been stored is believed",
    ),
    "deliveries.files_refused": (
        "a message in another form bears the same nonce",
        "outcomes of other servers are sent again",
    ),
    "deliveries.limited_in_a_look": ("a request that is given up in a global limit shuts out all others",),
    "deliveries.lost_answers": ("no nonce is sent",),
    "deliveries.reply_refused": ("the outcome is recorded before it is sent",),
    "deliveries.slow_channel": (
        "a channel may fetch as many videos at once as it has",
        "a channel that hangs holds up the others",
        "a download holds its channel up",
    ),
    "ends.clock_ahead": ("a link is dead by the clock of this machine",),
    "ends.offline": ("of a late job that tells no time nothing is said",),
    "ends.old_links": ("a permission in one server makes another one's messages due",),
    "ends.set_back": ("a clock that was set back puts everything off",),
    "files.every_serving": ("a link that is not there yet is called dead at once",),
    "files.larger_again": ("a file size that was refused once is never tried again",),
    "files.links_of_another_token": ("links are read again with a token that is not the server's",),
    "files.stale_links": (
        "a link that has run out is not asked for anew",
        "fresh links are taken from the answer that told the end",
    ),
    "languages.chosen": (
        "a card that was deleted comes back in the language of before",
        "a result that an admin resends is in the language of before",
        "an admin's choice of a language counts for nothing",
        "an outcome is in English",
        "the end of a trouble is in another language than its alert",
        "whoever asks is answered in English",
    ),
    "members.commands_a_minute": ("autocomplete is not counted",),
    "members.only_admins": (
        "a channel of another server can be followed into",
        "a channel that the gateway does not tell of is taken for one of this server",
    ),
    "outages.disk_away": ("cards do not say that nothing can be written down",),
    "places.archived_unknown": (
        "a page in the place of a channel is believed, and remembered",
        "a proxy's page ends whatever asked Discord",
        "a rate limit of the question whose a channel is counts as a fault of the bot's",
        "a request to Discord is waited for without an end",
    ),
    "places.by_role": ("a role or a server that changes hastens nothing",),
    "places.hidden": (
        "a hidden channel is called ___hidden___",
        "a made-up overwrite costs the file",
    ),
    "places.private_thread": ("a private thread of which the bot is no member looks open",),
    "places.removed_for_days": ("the time that the bot was away counts for what waits for a permission",),
    "places.timed_out": ("a timeout of the bot is a missing permission",),
    "resending.refused": (
        "an outcome is sent again at every press",
        "an outcome that an admin wanted after a refusal is late",
        "the card of a result that is resent stays as it is",
    ),
    "resending.unsure": ("what may have pinged already pings again",),
}
"""By the scene's name."""
