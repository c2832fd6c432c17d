"""In which scene each mutation breaks a law, in one of its first four variants. `power` plays just those."""

from __future__ import annotations

SEEN: dict[str, tuple[str, ...]] = {
    "accounts.full_and_on_hold": ("the limit of a person does not hold for an ended job that is on hold",),
    "accounts.not_seen_before": (
        "what a former account did not see is told for the end under another",
        "what was given up under one account is never told under another",
    ),
    "accounts.on_hold_and_seen": (
        "a channel waits twice for a job that was on hold",
        "what is on hold stays so where only a list knew the job under the account in force",
    ),
    "accounts.posted_before": (
        "a list waits again for what this channel was given under another account",
        "what this channel was given under another account is waited for again",
    ),
    "accounts.refused_and_renewed": (
        "a list that is asked for while the token is refused is not watched",
        "the list hides that the token is refused",
        "what is asked for while the token is refused is not watched",
    ),
    "accounts.tried_often": ("tokens are tried as often as somebody likes",),
    "deliveries.again": (
        "an outcome that is posted once more is late",
        "the nonce is another one each time",
        "the outcome comes without its files",
        "two quick presses post an outcome twice",
        "what the API wrote may ping",
    ),
    "deliveries.boosted": ("what a command tells of the largest file is not heard",),
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
    "deliveries.lost_unreadable": ("anybody sends outcomes again",),
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
    "members.commands_a_minute": (
        "autocomplete is not counted",
        "one more command in a minute",
    ),
    "members.crowd": ("buckets are kept for ever",),
    "members.forgotten": ("a press of a button that its message has lost is not answered",),
    "members.little_and_much": (
        "an account has no bound of its own",
        "four people keep everybody waiting who has the same token",
        "requests that were given back count against those who ask little",
        "what was reserved and not asked is lost",
        "whoever takes all they may counts as one who asks little",
    ),
    "members.no_ping": ("a spoiler is ignored where the channel waits for the job already",),
    "members.nonsense": ("a token among ids has all of them refused",),
    "members.not_theirs": ("a button works in every channel",),
    "members.only_admins": (
        "a channel of another server can be followed into",
        "a channel that the gateway does not tell of is taken for one of this server",
        "a channel's number may be larger than the database takes",
        "admins' buttons are anybody's",
        "admins' commands are anybody's",
        "the token form does not open",
        "the token's form opens for anybody",
    ),
    "members.open_jobs": (
        "one more than a person may have open",
        "one more than a server may have open",
    ),
    "members.own_kinds": (
        "Check now says that the API is away where it asks to wait",
        "details are told in every channel",
    ),
    "members.requests_of_people": (
        "a bucket that is used up stays so",
        "one person may use up what all of an account may ask",
        "people may make the bot ask as much as they like",
        "what could not be looked up is watched, and so polled",
    ),
    "members.slow_card": ("an answer waits for its card",),
    "outages.disk_away": ("cards do not say that nothing can be written down",),
    "places.archived_unknown": (
        "a page in the place of a channel is believed, and remembered",
        "a proxy's page ends whatever asked Discord",
        "a rate limit of the question whose a channel is counts as a fault of the bot's",
        "a request to Discord is waited for without an end",
    ),
    "places.back_at_once": ("a server that is back before its removal is written stays suspended",),
    "places.back_in_time": (
        "a server that came back while the bot was off is forgotten",
        "a server that is back at the last moment is forgotten",
    ),
    "places.by_role": (
        "a permission that is given back is not noticed",
        "a role or a server that changes hastens nothing",
    ),
    "places.deleted": (
        "a deleted channel's jobs are asked about for ever",
        "admins go on being told in an alerts channel that was deleted",
    ),
    "places.hidden": (
        "a hidden channel is called ___hidden___",
        "a made-up overwrite costs the file",
    ),
    "places.private_thread": (
        "a card that is refused is told to nobody",
        "a private thread of which the bot is no member looks open",
    ),
    "places.removed_for_days": ("the time that the bot was away counts for what waits for a permission",),
    "places.timed_out": ("a timeout of the bot is a missing permission",),
    "questions.followed": ("a followed job ends with the member who asked too",),
    "resending.refused": (
        "an outcome is sent again at every press",
        "an outcome that an admin wanted after a refusal is late",
        "the card of a result that is resent stays as it is",
    ),
    "resending.unsure": ("what may have pinged already pings again",),
}
"""By the scene's name."""
