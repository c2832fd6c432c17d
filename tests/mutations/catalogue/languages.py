"""Everybody reads their own language, and a message keeps the one that it was made in."""

from __future__ import annotations

from tests.mutations.mutation import mutation

_LANGUAGE = "tests/ui/test_language.py"
_MADE = "tests/storage/test_deliveries.py"
_BROWSER = "tests/browser/test_languages.py"
_CARDS = "tests/relay/cards/test_card_loop.py"
_TOOL = "tests/tools/test_translations.py"

MUTATIONS = (
    mutation(
        "a post is in the language of the current interaction",
        "tests/ui/test_posts.py::test_a_post_is_in_its_own_language_whatever_the_current_one[ja]",
        "message_of",
        "with in_language(post.language):",
        "if True:",
    ),
    mutation(
        "replies are always in English",
        "tests/discord_adapter/test_interaction_limits.py::test_replies_from_here_on_are_in_the_sender_s_language",
        "InteractionLimiter.lets_in",
        "use_language(language_of(interaction.locale.value))\n",
        "",
    ),
    mutation(
        "an admin's choice of language is ignored",
        f"{_MADE}::test_a_message_keeps_the_language_in_which_it_was_created[sqlite]",
        "deliveries._language",
        "coalesce(language, locale, '')",
        "coalesce(locale, language, '')",
    ),
    mutation(
        "a deleted card comes back in its former language",
        f"{_MADE}::test_a_card_posted_again_after_its_deletion_is_in_the_current_language[sqlite]",
        "deliveries._AFRESH",
        "language = {_LANGUAGE}",
        "language = language",
    ),
    mutation(
        "a resent result is in its former language",
        f"{_MADE}::test_a_given_up_delivery_requested_again_is_in_the_current_language[sqlite]",
        "resend_outcome",
        "language = {_LANGUAGE}",
        "language = language",
    ),
    mutation(
        "a server that re-invites the bot reads its former language",
        "tests/discord_adapter/test_guild_events.py::"
        "test_a_server_that_reinvites_the_bot_reports_its_language_before_it_resumes",
        "GuildEvents._server_back",
        "await self._note_locale(guild)\n",
        "",
    ),
    mutation(
        "an older command restores the former language",
        "tests/discord_adapter/test_interactions.py::test_the_gateway_s_language_of_a_server_counts_if_known",
        "Responder._note_locale",
        "interaction.guild_locale if guild is None or guild.unavailable else guild.preferred_locale",
        "interaction.guild_locale",
    ),
    mutation(
        "a language reported while another is being stored is lost",
        "tests/relay/test_guild_lifecycle.py::test_of_two_languages_one_of_them_known_the_later_one_is_stored_too",
        "GuildLifecycle.locale_seen",
        "self._locales.pop(guild_id, None)\n",
        "",
    ),
    mutation(
        "every command waits for whatever server is being removed",
        "tests/relay/test_guild_lifecycle.py::test_a_known_language_does_not_wait_for_another_server_s_removal",
        "GuildLifecycle.locale_seen",
        "if self._locales.get(guild_id) == language:\n    return\n# Callers",
        "# Callers",
    ),
    mutation(
        "two simultaneous languages are stored in any order",
        "tests/relay/test_guild_lifecycle.py::test_of_two_simultaneous_languages_the_later_one_is_stored",
        "GuildLifecycle.locale_seen",
        "async with self._in_turn:",
        "if True:",
    ),
    mutation(
        "a card is edited in English",
        f"{_CARDS}::test_cards_and_summaries_are_edited_in_their_original_language",
        "CardPosts.plain",
        'language=row.card_language or ""',
        'language=""',
    ),
    mutation(
        "a summary is edited in English",
        f"{_CARDS}::test_cards_and_summaries_are_edited_in_their_original_language",
        "CardEdits._show_summary",
        'self._posts.summary(key.id, "", message.language,',
        'self._posts.summary(key.id, "", "",',
    ),
    mutation(
        "an outcome is in English",
        "tests/relay/delivery/test_sender.py::"
        "test_every_attempt_and_search_uses_the_language_the_message_was_stored_with",
        "MessageBuilder._outcome",
        "language=delivery.language,\n",
        "",
    ),
    mutation(
        "a notice is searched for with the ids of its commands",
        "tests/discord_adapter/test_history.py::test_a_text_is_the_same_with_or_without_known_command_ids",
        "history._without_ids",
        'return _COMMAND.sub(r"/\\1", content)',
        "return content",
    ),
    mutation(
        "the language of a deleted server is kept",
        "tests/relay/test_guild_lifecycle.py::"
        "test_a_server_s_language_is_stored_from_its_first_command_and_follows_changes",
        "GuildLifecycle.locale_reported",
        "if await servers.get(self._database.reader, guild_id) or await self.known_channels(guild_id):",
        "if True:",
    ),
    mutation(
        "a translation that can't be filled in is an error",
        f"{_LANGUAGE}::test_a_translation_that_cannot_be_filled_in_is_english_and_logged_once",
        "language._filled",
        "AttributeError, IndexError, KeyError, TypeError, ValueError",
        "AttributeError",
    ),
    mutation(
        "a plural rule that can't be computed is an error",
        f"{_LANGUAGE}::test_a_plural_rule_that_fails_for_a_number_falls_back_to_english",
        "plural",
        "except ArithmeticError:",
        "except KeyError:",
    ),
    mutation(
        "a blank translation is shown",
        f"{_LANGUAGE}::test_a_blank_translation_is_english",
        "language._filled",
        " and (says_something(translation) or not says_something(english))",
        "",
    ),
    mutation(
        "a removed translation stays registered",
        "tests/discord_adapter/test_command_sync.py::test_translations_are_the_current_ones",
        "command_sync._covers",
        "wholly=key in _BY_LOCALE",
        "wholly=False",
    ),
    mutation(
        "a server that returns to this process keeps the language that another stored",
        "tests/relay/test_relay.py::test_a_server_that_returns_to_this_process_has_its_language_stored_again",
        "GuildLifecycle.servers_moved",
        "self._locales.clear()",
        "pass",
    ),
    mutation(
        "a language that another process has deleted counts as stored",
        "tests/relay/test_guild_lifecycle.py::test_a_language_that_another_process_deleted_is_stored_again",
        "GuildLifecycle._suspend",
        "self._locales.pop(guild_id, None)",
        "pass",
    ),
    mutation(
        "the end of a problem is in another language than its alert",
        "tests/relay/delivery/test_sender.py::test_the_end_of_a_problem_is_in_the_language_of_its_alert",
        "MessageBuilder._notice",
        "post=replace(post, language=alert.language)",
        "post=post",
    ),
    mutation(
        "a translation may end with an extra space",
        f"{_TOOL}::test_an_invalid_translation_is_reported_with_its_line",
        "tools/translations.py",
        "(has_words or english.strip() != english)",
        "english.strip() != english",
    ),
    mutation(
        "a damaged catalogue is an error",
        f"{_LANGUAGE}::test_a_damaged_or_missing_catalogue_is_english_and_logged_once",
        "read_translations",
        "except Exception as error:",
        "except FileNotFoundError as error:",
    ),
    mutation(
        "every catalogue is read at the start",
        f"{_LANGUAGE}::test_no_catalogue_is_read_before_it_is_needed",
        "ui/language.py",
        "_catalogues: dict[str, Translations] = {}\n",
        "_catalogues: dict[str, Translations] = {ENGLISH: Translations()}\n",
    ),
    mutation(
        "a translation that Discord would refuse is registered",
        "tests/discord_adapter/test_command_translations.py::"
        "test_a_translation_that_discord_would_refuse_stays_in_english",
        "CommandTranslator.translate",
        "units(text) > limit",
        "units(text) > 10 * limit",
    ),
    mutation(
        "a placeholder may be lost in translation",
        f"{_TOOL}::test_an_invalid_translation_is_reported_with_its_line",
        "tools/translations.py",
        "for name in sorted(wanted - there - may_lack):\n",
        "for name in ():\n",
    ),
    mutation(
        "a compiled catalogue may be older than its source",
        f"{_TOOL}::test_a_catalogue_older_than_its_source_is_reported",
        "tools/translations.py",
        'return _meaning(po.with_suffix(".mo").read_bytes()) != _meaning(compiled(catalogue))',
        "return False",
    ),
    mutation(
        "buttons are in English",
        f"{_BROWSER}::test_no_english_is_left_where_members_look",
        "NumberButton.__init__",
        "super().__init__(_(action.label),",
        "super().__init__(action.label,",
    ),
    mutation(
        "the token's form is in English",
        f"{_BROWSER}::test_no_english_is_left_where_admins_look",
        "TokenModal.__init__",
        'title=_("PixVerse API token")',
        'title="PixVerse API token"',
    ),
    mutation(
        "commands are registered without their translations",
        f"{_BROWSER}::test_no_english_is_left_in_the_commands",
        "CommandTranslator.translate",
        "return text\n",
        "return None\n",
    ),
    mutation(
        "why a result waits is given in English",
        f"{_BROWSER}::test_no_english_is_left_in_errors",
        "ui/deliveries_reply.py",
        '_("held until {when}", when=',
        '"held until {when}".format(when=',
    ),
    mutation(
        "a reply about many jobs is longer than Discord accepts",
        "tests/ui/test_rules.py::test_every_text_fits_discord_s_limits",
        "watch_reply",
        "units(text) <= MESSAGE",
        "units(text) <= 2 * MESSAGE",
    ),
    mutation(
        "a check of many channels is longer than Discord accepts",
        "tests/ui/test_in_every_language.py::test_every_rule_holds_in_every_shipped_language",
        "check_reply._CHANNELS",
        "(5, 3, 1)",
        "(5,)",
    ),
    mutation(
        "a plural rule may name any number of forms",
        f"{_TOOL}::test_a_wrong_plural_rule_is_reported_with_its_line",
        "tools/translations.py",
        "nplurals=\\d;",
        "nplurals=\\d+;",
    ),
    mutation(
        "a comment may set the charset",
        f"{_TOOL}::test_another_charset_is_reported_whatever_a_comment_says",
        "tools/translations.py",
        '^"Content-Type: [^"]*charset',
        "charset",
    ),
    mutation(
        "a line may be twice in a text",
        f"{_TOOL}::test_a_line_that_is_twice_in_a_text_is_reported",
        "tools/translations.py",
        "had.add(keyword)",
        "pass",
    ),
    mutation(
        "a translation may contain invisible text",
        f"{_TOOL}::test_an_invalid_translation_is_reported_with_its_line",
        "tools/translations.py",
        "\\x00-\\x09",
        "\\x09",
    ),
    mutation(
        "a translation may contain no words",
        f"{_TOOL}::test_an_invalid_translation_is_reported_with_its_line",
        "tools/translations.py",
        'yield "has no words"',
        "pass",
    ),
    mutation(
        "a command is registered with a blank description",
        "tests/discord_adapter/test_command_translations.py::"
        "test_a_translation_that_discord_would_refuse_stays_in_english",
        "command_translations._some_of",
        " and says_something(words)",
        "",
    ),
)
