"""The languages of people and servers, and what a command is called in them."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from tests.sandbox.discord_wire.bare_socket import Socket, open_socket
from tests.sandbox.discord_wire.conftest import GuildFixture, Rest
from tests.sandbox.discord_wire.test_api import command, commands, option

GERMAN = {"de": "Wie es um einen Auftrag steht"}


async def connected(session: aiohttp.ClientSession, server: GuildFixture) -> tuple[Socket, dict[str, Any]]:
    socket = await open_socket(session, server.sandbox)
    await socket.identify(server.sandbox)
    return socket, (await socket.read_until("GUILD_CREATE"))[-1]["d"]


async def test_an_interaction_carries_both_languages(
    session: aiohttp.ClientSession, rest: Rest, server: GuildFixture
) -> None:
    await rest("PUT", commands(server.sandbox), [command()])
    socket, guild = await connected(session, server)
    assert guild["preferred_locale"] == "en-US"
    server.alice.locale = "ja"
    assert server.sandbox.add_guild("Kite Club").add_member("alice", user_id=server.alice.id).locale == "ja"
    server.guild.preferred_locale = "pt-BR"
    server.alice.begin_slash(server.channel, "status")
    assert (await socket.read())["t"] == "GUILD_CREATE"
    changed = await socket.read()
    assert (changed["t"], changed["d"].get("preferred_locale")) == ("GUILD_UPDATE", "pt-BR")
    asked = await socket.read()
    assert (asked["d"]["locale"], asked["d"]["guild_locale"], asked["d"]["guild"]["locale"]) == ("ja", "pt-BR", "pt-BR")
    server.admin.begin_slash(server.channel, "status")
    assert (await socket.read())["d"]["locale"] == "en-US"


async def test_languages_that_discord_does_not_send(
    session: aiohttp.ClientSession, rest: Rest, server: GuildFixture
) -> None:
    await rest("PUT", commands(server.sandbox), [command()])
    server.alice.locale = server.guild.preferred_locale = None
    assert (server.alice.locale, server.guild.preferred_locale) == (None, None)
    socket, guild = await connected(session, server)
    assert "preferred_locale" not in guild
    server.alice.begin_slash(server.channel, "status")
    asked = (await socket.read())["d"]
    assert not {"locale", "guild_locale"} & asked.keys()
    assert "locale" not in asked["guild"]
    server.sandbox.add_guild("Kite Club", preferred_locale=None)
    assert "preferred_locale" not in (await socket.read())["d"]


async def test_translations_are_stored_and_returned_on_request(rest: Rest, server: GuildFixture) -> None:
    choice = {"name": "As the server", "name_localizations": {"de": "Wie der Server"}, "value": "server"}
    languages = option(name="language", description_localizations=GERMAN, choices=[choice])
    sent = command(description_localizations=GERMAN, options=[languages])
    status, stored = await rest("PUT", commands(server.sandbox), [sent])
    assert status == 200
    _, told = await rest("GET", f"{commands(server.sandbox)}?with_localizations=true")
    for read in (stored[0], told[0]):
        assert (read["description_localizations"], read["options"]) == (GERMAN, [languages])
    (short,) = (await rest("GET", commands(server.sandbox)))[1]
    assert "_localizations" not in str(short)
    assert short["options"][0]["choices"] == [{"name": "As the server", "value": "server"}]


@pytest.mark.parametrize(
    "broken",
    [
        command(description_localizations={"tlh": "Klingon"}),
        command(description_localizations={"de": ""}),
        command(description_localizations={"de": "x" * 101}),
        command(description_localizations={"de": None}),
        command(description_localizations=["de"]),
        command(name_localizations={"de": "Wo?"}),
        command(name_localizations={"de": "Auftrag"}),
        command(name_localizations={"ja": "あ" * 33}),
        command(options=[option(description_localizations={"de": "x" * 101})]),
        command(options=[option(choices=[{"name": "n", "name_localizations": {"de": "x" * 101}, "value": "v"}])]),
        command(options=[option(choices=[{"name": "n", "name_localizations": {"no-NO": "x"}, "value": "v"}])]),
        {"name": "Watch", "type": 3, "name_localizations": {"de": "x" * 33}},
        {"name": "Watch", "type": 3, "description_localizations": GERMAN},
    ],
)
async def test_broken_translations_are_refused(rest: Rest, server: GuildFixture, broken: dict[str, Any]) -> None:
    status, refused = await rest("PUT", commands(server.sandbox), [broken])
    assert (status, refused["code"]) == (400, 50035)
    assert (await rest("GET", commands(server.sandbox)))[1] == []


@pytest.mark.parametrize(("last", "status"), [(60, 200), (61, 400)])
async def test_the_longest_language_of_each_text_counts(
    rest: Rest, server: GuildFixture, last: int, status: int
) -> None:
    choices = [{"name": "n", "name_localizations": {"de": "x" * 96, "ja": "y" * 90}, "value": "abcd"}] * 25
    options = [option(name=f"o{k}", description_localizations={"de": "x" * 98}, choices=choices) for k in range(3)]
    options.append(option(name="p4", description_localizations={"fr": "x" * 98, "de": "y"}))
    sent = command(name="s", description="x" * (39 + last), options=options)  # 1 + 99, 3 × (100 + 2500), 100
    assert (await rest("PUT", commands(server.sandbox), [sent]))[0] == status


async def test_the_page_shows_commands_in_the_viewer_s_language(rest: Rest, server: GuildFixture) -> None:
    choice = {"name": "As the server", "name_localizations": {"de": "Wie der Server"}, "value": "server"}
    language = option(name="language", description_localizations={"de": "Sprache"}, choices=[choice])
    await rest("PUT", commands(server.sandbox), [command(description_localizations=GERMAN, options=[language])])
    offered: dict[str | None, str] = {}
    for locale in ("de", "ja", "tlh", None):
        server.alice.locale = locale
        await server.sandbox.open_preview(
            server.channel, [server.alice]
        )  # with "tlh" too, of which SimCord knows nothing
        backend = server.sandbox.world.backend
        offered[locale] = str(backend.visible_commands(user_id=server.alice.id, channel_id=server.channel.id))
    for german, english in ((GERMAN["de"], "Where a job stands"), ("Wie der Server", "As the server")):
        assert german in offered["de"]
        assert english not in offered["de"]
        assert all(english in offered[locale] for locale in ("ja", "tlh", None))
