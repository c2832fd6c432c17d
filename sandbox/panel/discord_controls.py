"""The switches of Discord."""

from __future__ import annotations

from typing import Literal

from sandbox.discord_wire import Member, NotAnswered, NotPossible
from sandbox.panel import choices
from sandbox.panel.form import Control, Form, NotDone
from sandbox.panel.panel_state import FIRST_SCENE, PanelServer, PanelState

_POSTS = "/channels/[0-9]+/messages"
_WHEN: dict[str, Literal["before", "after"]] = {"before": "before", "after": "after"}
_LONGEST_NAME = 100


class DiscordControls:
    """The chosen channel and person, the bot's permissions, and Discord's faults."""

    def __init__(self, state: PanelState) -> None:
        self._state = state
        self._discord = state.setup.discord

    def controls(self) -> dict[str, Control]:
        """Every switch by its name on the page."""
        return {
            "server": self.choose_server,
            "channel": self.choose_channel,
            "person": self.choose_person,
            "person-language": self.choose_persons_language,
            "chat-open": self.open_chat,
            "channel-add": self.add_channel,
            "thread-add": self.add_thread,
            "channel-delete": self.delete_channel,
            "permissions": self.set_permissions,
            "upload-limit": self.set_upload_limit,
            "server-language": self.set_servers_language,
            "bot-remove": self.remove_bot,
            "bot-add": self.add_bot,
            "gateway": self.trouble_gateway,
            "post-faults": self.add_faults,
            "post-faults-clear": self.clear_faults,
            "message-menu": self.use_message_menu,
        }

    # ------------------------------------------------------------------ where

    async def choose_server(self, form: Form) -> str:
        """Chooses another server, and keeps the person if they are a member."""
        server = form.one_of("server", {str(server.guild.id): server for server in self._state.servers})
        if server is not self._state.server:
            self._state.scene = FIRST_SCENE
        self._state.server = server
        self._state.channel = next(iter(server.channels), None)
        self._state.person = next((one for one in server.people if one.id == self._state.person.id), server.people[0])
        await self._state.show()
        return f"Showing {server.guild.name}."

    async def choose_channel(self, form: Form) -> str:
        """Chooses another channel or thread."""
        self._state.channel = form.one_of("channel", {str(one.id): one for one in self._state.server.channels})
        await self._state.show()
        return f"Showing #{self._state.channel.name}."

    async def choose_person(self, form: Form) -> str:
        """Chooses another person."""
        people: dict[str, Member] = {str(one.id): one for one in self._state.server.people}
        self._state.person = form.one_of("person", people)
        await self._state.show()
        return f"You are {self._state.person.name}."

    async def choose_persons_language(self, form: Form) -> str:
        """Sets the chosen person's language, for all servers."""
        person = self._state.person
        person.locale = form.one_of("language", choices.LANGUAGES)
        await self._state.show()
        return f"{person.name} uses Discord in {form.text('language')}."

    async def use_message_menu(self, form: Form) -> str:
        """Apps → Watch PixVerse jobs on a message, as the chosen person; the newest message if none is named."""
        here, person = self._state.here(), self._state.person
        seen = here.messages(seen_by=person)
        named = form.text("message", otherwise="")
        message = next((one for one in reversed(seen) if named in ("", str(one.id))), None)
        if message is None:
            raise NotDone("There is no message to use the menu on.")
        try:
            await person.message_menu(message, "Watch PixVerse jobs", channel=here)
        except (NotAnswered, NotPossible) as problem:
            raise NotDone(f"{person.name} could not ask: {str(problem).partition(';')[0]}.") from None
        return f"{person.name} has asked. The bot's reply is in the chat."

    async def open_chat(self, _form: Form) -> str:
        """Opens the chat again after its own button has closed it."""
        self._state.here()
        await self._state.show()
        return "The chat is open."

    async def add_channel(self, form: Form) -> str:
        """A new text channel, at once the chosen one."""
        server = self._present_server()
        channel = server.guild.add_text_channel(form.text("name", otherwise="new-channel")[:_LONGEST_NAME])
        server.channels.append(channel)
        self._state.channel = channel
        await self._state.show()
        return f"#{channel.name} is there."

    async def add_thread(self, form: Form) -> str:
        """A new thread in the chosen channel, at once the chosen one."""
        here = self._state.here()
        if here.stored.is_thread:
            raise NotDone("A thread can't contain threads. Choose a channel first.")
        thread = here.add_thread(form.text("name", otherwise="New thread")[:_LONGEST_NAME])
        self._state.server.channels.append(thread)
        self._state.channel = thread
        await self._state.show()
        return f"The thread {thread.name} is there."

    async def delete_channel(self, _form: Form) -> str:
        """Deletes the chosen channel, and its threads with it."""
        here, server = self._state.here(), self._state.server
        await self._state.chat.close()
        here.delete()
        server.channels = [one for one in server.channels if one is not here and one.stored.parent_id != here.id]
        self._state.channel = next(iter(server.channels), None)
        await self._state.show()
        return f"#{here.name} is deleted."

    # ---------------------------------------------------------------- the bot

    async def set_permissions(self, form: Form) -> str:
        """Sets the bot's permissions in the chosen channel, or in a thread's parent channel, to the ticked ones."""
        here = self._state.here()
        ticked = {choices.PERMISSIONS[name] for name in form.texts("permissions") if name in choices.PERMISSIONS}
        denied = set(choices.PERMISSIONS.values()) - ticked
        here.allow_bot(**dict.fromkeys(ticked, True))
        here.deny_bot(**dict.fromkeys(denied, True))
        missing = [name for name, flag in choices.PERMISSIONS.items() if flag in denied]
        return (
            f"In #{here.name} the bot lacks: {', '.join(missing)}." if missing else "The bot has every permission here."
        )

    async def set_upload_limit(self, form: Form) -> str:
        """Sets the chosen server's upload limit."""
        self._state.server.guild.upload_limit = form.one_of("limit", choices.UPLOAD_LIMITS)
        return f"{self._state.server.guild.name} takes files up to {form.text('limit')}."

    async def set_servers_language(self, form: Form) -> str:
        """The chosen server's language."""
        guild = self._present_server().guild
        guild.preferred_locale = form.one_of("language", choices.LANGUAGES)
        return f"The language of {guild.name} is {form.text('language')}."

    async def remove_bot(self, _form: Form) -> str:
        """Removes the bot from the chosen server."""
        server = self._present_server()
        await self._state.chat.close()
        server.guild.remove_bot()
        server.bot_is_in = False
        return f"The bot is not in {server.guild.name} any more."

    async def add_bot(self, _form: Form) -> str:
        """Invites it again."""
        server = self._state.server
        if server.bot_is_in:
            raise NotDone("The bot is there already.")
        server.guild.add_bot()
        server.bot_is_in = True
        await self._state.show()
        return f"The bot is in {server.guild.name} again."

    def _present_server(self) -> PanelServer:
        if not self._state.server.bot_is_in:
            raise NotDone("The bot isn't in this server. Invite it again first.")
        return self._state.server

    # --------------------------------------------------------------- faults

    async def trouble_gateway(self, form: Form) -> str:
        """Breaks or restores the gateway connection."""
        gateway = self._discord.gateway
        how = form.one_of("gateway", {name: name for name in ("cut", "reconnect", "invalidate", "close", "open")})
        if how in ("close", "open"):
            gateway.closed = how == "close"
        if how in ("cut", "close"):
            gateway.cut()
        elif how == "reconnect":
            gateway.ask_to_reconnect()
        elif how == "invalidate":
            gateway.invalidate()
        return {
            "cut": "Cut. The bot reconnects by itself.",
            "reconnect": "Discord asked the bot to reconnect.",
            "invalidate": "The session is invalid; the bot has to log in again.",
            "close": "Closed: the bot hears nothing until you open it again.",
        }.get(how, "Open. The bot reconnects by itself within a minute.")

    async def add_faults(self, form: Form) -> str:
        """Breaks the bot's next posts, before or after Discord stores them."""
        action = form.one_of("fault", choices.POST_FAULTS)
        times = form.whole("times", 1, 1000)
        when = form.one_of("when", _WHEN)
        if when == "after" and choices.is_refusal(action):
            raise NotDone("Discord refuses before it stores: choose 500, 502 or a cut connection for after.")
        self._discord.faults.add(method="POST", path=_POSTS, when=when, action=action, times=times)
        which = "post breaks" if times == 1 else f"{times} posts break"
        return f"The next {which} {when} Discord stores {'it' if times == 1 else 'them'}: {form.text('fault')}."

    async def clear_faults(self, _form: Form) -> str:
        """Clears the faults of posts."""
        self._discord.faults.clear()
        return "Posts work again."
