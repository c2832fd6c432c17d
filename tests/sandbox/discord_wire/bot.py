"""A small, unmodified discord.py bot that uses what the relay uses."""

import discord
from discord import app_commands
from discord.ext import commands


class Form(discord.ui.Modal, title="Token"):
    token: discord.ui.Label[discord.ui.Modal] = discord.ui.Label(
        text="API token", description="Kept encrypted", component=discord.ui.TextInput(placeholder="user:1-abc")
    )

    async def on_submit(self, interaction: discord.Interaction) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        control = self.token.component
        assert isinstance(control, discord.ui.TextInput)
        await interaction.followup.send(f"kept {control.value}", ephemeral=True)


class Buttons(discord.ui.View):
    def __init__(self) -> None:
        super().__init__(timeout=None)

    @discord.ui.button(label="Stop watching", custom_id="stop")
    async def stop_watching(self, interaction: discord.Interaction, _: discord.ui.Button["Buttons"]) -> None:
        await interaction.response.edit_message(content="stopped", view=None)

    @discord.ui.button(label="Check now", custom_id="check")
    async def check_now(self, interaction: discord.Interaction, _: discord.ui.Button["Buttons"]) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        await interaction.edit_original_response(content="nothing new")


class Pixverse(app_commands.Group):
    def __init__(self) -> None:
        super().__init__(name="pixverse", description="PixVerse jobs", guild_only=True)

    @app_commands.command(description="Where a job stands")
    async def status(self, interaction: discord.Interaction, jobid: str, mention: bool = True) -> None:
        await interaction.response.defer(ephemeral=True)
        channel = interaction.channel
        assert isinstance(channel, discord.abc.Messageable)
        await channel.send(f"card {jobid}", view=Buttons(), silent=True, nonce=f"n-{jobid}"[:25])
        await interaction.edit_original_response(content=f"watching {jobid} {mention}")

    @status.autocomplete("jobid")
    async def jobids(self, interaction: discord.Interaction, typed: str) -> list[app_commands.Choice[str]]:
        return [app_commands.Choice(name=f"job {typed}", value="#1")]

    @app_commands.command(description="Answers too late")
    async def silent(self, interaction: discord.Interaction) -> None:
        return


admin = app_commands.Group(
    name="pixverse-admin",
    description="For admins",
    guild_only=True,
    default_permissions=discord.Permissions(manage_guild=True),
)


@admin.command(description="Set the token")
async def token(interaction: discord.Interaction) -> None:
    await interaction.response.send_modal(Form())


@app_commands.context_menu(name="Watch PixVerse jobs")
async def watch(interaction: discord.Interaction, message: discord.Message) -> None:
    await interaction.response.send_message(f"read: {message.content}", ephemeral=True)


class Bot(commands.AutoShardedBot):
    def __init__(self) -> None:
        super().__init__(
            command_prefix=[],
            intents=discord.Intents(guilds=True),
            allowed_mentions=discord.AllowedMentions.none(),
            guild_ready_timeout=0.05,
        )
        self.heard: list[str] = []

    async def setup_hook(self) -> None:
        self.tree.add_command(Pixverse())
        self.tree.add_command(admin, override=True)
        self.tree.add_command(watch, override=True)
        self.add_view(Buttons())
        await self.tree.sync()

    async def on_resumed(self) -> None:
        self.heard.append("resumed")

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        self.heard.append(f"removed {guild.name}")

    async def on_guild_join(self, guild: discord.Guild) -> None:
        self.heard.append(f"joined {guild.name}")

    async def on_guild_channel_update(self, _: discord.abc.GuildChannel, after: discord.abc.GuildChannel) -> None:
        self.heard.append(f"changed {after.name}")

    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        self.heard.append(f"deleted {channel.name}")
