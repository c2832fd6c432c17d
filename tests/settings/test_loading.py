"""Where settings come from, which source wins, and how their errors are reported."""

from __future__ import annotations

import string
from collections.abc import Mapping
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from pixverse.token_text import clean_token
from settings import VARIABLES, PostgresUrl, Settings, SettingsError, load_settings
from storage.secret_store import new_key

TOKEN = "MTA.abc.def"


def load(environ: Mapping[str, str], env_file: Path | None = None, root: Path = Path("/srv/relay")) -> Settings:
    return load_settings({"DISCORD_TOKEN": TOKEN, **environ}, env_file, root)


def problems_of(environ: Mapping[str, str], env_file: Path | None = None) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load_settings(environ, env_file, Path("/srv/relay"))
    return caught.value.problems


def env_file(folder: Path, text: str | bytes) -> Path:
    path = folder / ".env"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_only_the_token_is_needed() -> None:
    settings = load({})
    assert settings.discord_token.get_secret_value() == TOKEN
    assert settings.discord_api_url == "https://discord.com/api/v10"
    assert settings.useapi_url == "https://api.useapi.net"
    assert settings.discord_guild_ids == ()
    assert settings.useapi_token is None
    assert settings.encryption_keys == ()
    assert settings.database == Path("/srv/relay/data/relay.db")
    assert (settings.poll_interval_ms, settings.job_max_age_ms) == (20_000, 172_800_000)
    assert (settings.media_max_bytes, settings.media_parallel) == (104_857_600, 3)
    assert (settings.max_open_per_user, settings.max_open_per_server) == (50, 500)
    assert settings.commands_per_minute == 30
    assert (settings.log_level, settings.log_format) == ("INFO", "text")
    assert [str(host) for host in settings.media_hosts] == [
        "cdn.discordapp.com",
        "media.discordapp.net",
        "media.pixverse.ai",
    ]


@pytest.mark.parametrize("environ", [{}, {"DISCORD_TOKEN": ""}, {"DISCORD_TOKEN": " \t"}])
def test_a_missing_token_says_where_to_put_it_and_how_to_try_without(environ: dict[str, str]) -> None:
    (line,) = problems_of(environ)
    assert line.startswith("DISCORD_TOKEN ")
    assert ".env" in line
    assert "make demo" in line


def test_the_environment_overrides_env_which_fills_the_gaps(tmp_path: Path) -> None:
    path = env_file(tmp_path, "POLL_INTERVAL=30\nJOB_MAX_AGE=1.5\n")
    settings = load({"POLL_INTERVAL": "40"}, path)
    assert settings.poll_interval_ms == 40_000
    assert settings.job_max_age_ms == 5_400_000


def test_a_blank_in_the_environment_leaves_env_in_force(tmp_path: Path) -> None:
    assert load({"POLL_INTERVAL": "  "}, env_file(tmp_path, "POLL_INTERVAL=30\n")).poll_interval_ms == 30_000


@pytest.mark.parametrize("text", ["POLL_INTERVAL=", "POLL_INTERVAL='  '", "POLL_INTERVAL", "NO_SUCH_SETTING=1"])
def test_blank_and_unknown_names_in_env_change_nothing(tmp_path: Path, text: str) -> None:
    assert load({}, env_file(tmp_path, text + "\n")) == load({})


def test_no_other_environment_variable_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLL_INTERVAL", "55")
    assert load({}).poll_interval_ms == 20_000


def test_env_saved_by_notepad_is_read(tmp_path: Path) -> None:
    path = env_file(tmp_path, b"\xef\xbb\xbfDISCORD_TOKEN=from-file\r\nLOG_FORMAT=json\r\n")
    settings = load_settings({}, path, tmp_path)
    assert settings.discord_token.get_secret_value() == "from-file"
    assert settings.log_format == "json"


def test_a_missing_env_is_no_error(tmp_path: Path) -> None:
    assert load({}, tmp_path / ".env") == load({})


def test_an_undecodable_env_is_one_line_and_hides_no_other_error(tmp_path: Path) -> None:
    path = env_file(tmp_path, "DISCORD_TOKEN=abc\n".encode("utf-16"))
    lines = problems_of({"LOG_LEVEL": "loud"}, path)
    assert [line.split()[0] for line in lines] == [".env", "LOG_LEVEL"]
    assert "UTF-8" in lines[0]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("DISCORD_GUILD_IDS='1,2\n", "DISCORD_GUILD_IDS cannot be read from .env, line 1;"),
        (
            '\r\n# servers\r\n\r\nexport discord_guild_ids = "1\r\n',
            "DISCORD_GUILD_IDS cannot be read from .env, line 4;",
        ),
        ("LOG_LEVEL=INFO\n'DISCORD_GUILD_IDS' = '1' 2\n", "DISCORD_GUILD_IDS cannot be read from .env, line 2;"),
        ("DISCORD_GUILD_IDS: 1\n", "DISCORD_GUILD_IDS cannot be read from .env, line 1;"),
        ("DISCORD_GUILD_IDS 1\n", "DISCORD_GUILD_IDS cannot be read from .env, line 1;"),
        # The quote ends in another line's apostrophe, so that all lines between are lost.
        ("DISCORD_GUILD_IDS='1\nUSEAPI_TOKEN=x\n# don't\n", "DISCORD_GUILD_IDS cannot be read from .env, line 1;"),
        ("c2VjcmV0 c2VjcmV0==\n", ".env cannot be read in line 1;"),
    ],
)
def test_a_line_of_env_that_cannot_be_read_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, line: str
) -> None:
    """Without its line, a setting would silently have its default: every server instead of the listed ones."""
    problem, other = problems_of({"DISCORD_TOKEN": TOKEN, "LOG_FORMAT": "xml"}, env_file(tmp_path, text))
    assert problem.startswith(line)
    assert other.startswith("LOG_FORMAT ")
    assert "c2VjcmV0" not in problem
    assert capsys.readouterr().err == ""


def test_the_other_lines_of_such_an_env_are_checked_too(tmp_path: Path) -> None:
    path = env_file(tmp_path, f"DISCORD_TOKEN={TOKEN}\nLOG_LEVEL='INFO\nPOLL_INTERVAL=soon\n")
    lines = problems_of({}, path)
    assert [line.split()[0] for line in lines] == ["LOG_LEVEL", "POLL_INTERVAL"]


def test_a_variable_in_env_that_is_not_set_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would stand for nothing: every server in place of the listed ones, or another password."""
    monkeypatch.delenv("SERVERS", raising=False)
    environ = {"DISCORD_TOKEN": TOKEN}
    for line, text in (
        (1, "DISCORD_GUILD_IDS=${SERVERS}\n"),
        (2, "OTHER=1\ndiscord_guild_ids='1,${SERVERS}'\nSERVERS=2\n"),
    ):
        (problem,) = problems_of(environ, env_file(tmp_path, text))
        assert problem.startswith(f"DISCORD_GUILD_IDS cannot be read from .env, line {line};")
        assert "SERVERS" not in problem  # It may be a part of a password.
    (problem,) = problems_of({}, env_file(tmp_path, "DISCORD_TOKEN=${SERVERS}\n"))
    assert problem.startswith("DISCORD_TOKEN cannot be read from .env, line 1;")
    for text in ("SERVERS=1\nDISCORD_GUILD_IDS=${SERVERS}\n", "DISCORD_GUILD_IDS=${SERVERS:-1}\n"):
        assert load({}, env_file(tmp_path, text)).discord_guild_ids == (1,)
    monkeypatch.setenv("SERVERS", "7")
    assert load({}, env_file(tmp_path, "DISCORD_GUILD_IDS=${SERVERS}\nOTHER=${NO_SUCH}\n")).discord_guild_ids == (7,)


def test_a_token_in_such_a_line_is_not_reported_as_missing(tmp_path: Path) -> None:
    for text in (f"DISCORD_TOKEN: {TOKEN}\n", f"my token {TOKEN}\n"):
        (line,) = problems_of({}, env_file(tmp_path, text))
        assert ".env" in line


def test_a_folder_in_place_of_env_is_one_line(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    (line,) = problems_of({}, tmp_path / ".env")
    assert line.startswith(".env cannot be read")


def test_all_errors_are_reported_at_once_one_per_line() -> None:
    faulty = {
        "DISCORD_API_URL": "discord.com",
        "DISCORD_GUILD_IDS": "my server",
        "USEAPI_URL": "ftp://host",
        "USEAPI_TOKEN": "a b",
        "POLL_INTERVAL": "soon",
        "JOB_MAX_AGE": "0",
        "MEDIA_HOSTS": "https://host",
        "MEDIA_MAX_MB": "1.5",
        "MEDIA_PARALLEL": "0",
        "MAX_OPEN_PER_USER": "-1",
        "MAX_OPEN_PER_SERVER": "many",
        "COMMANDS_PER_MINUTE": "99999999",
        "DATABASE_URL": "mysql://host/db",
        "ENCRYPTION_KEY": "short",
        "LOG_LEVEL": "loud",
        "LOG_FORMAT": "xml",
    }
    lines = problems_of(faulty)
    assert [line.split()[0] for line in lines] == ["DISCORD_TOKEN", *faulty]
    assert all("\n" not in line for line in lines)


def test_an_api_token_that_is_none_is_reported_with_all_other_errors() -> None:
    environ = {"USEAPI_TOKEN": " 'job:1' ", "POLL_INTERVAL": "soon"}
    with pytest.raises(SettingsError) as caught:
        load_settings(environ, None, Path("/srv/relay"), clean_token)
    assert [line.split()[0] for line in caught.value.problems] == ["USEAPI_TOKEN", "DISCORD_TOKEN", "POLL_INTERVAL"]
    assert "job:1" not in str(caught.value)


def test_the_api_token_is_read_as_it_is_sent() -> None:
    environ = {"DISCORD_TOKEN": TOKEN, "USEAPI_TOKEN": "Bearer user:1-abcdefgh"}
    assert load_settings(environ, None, Path("/srv/relay"), clean_token).operator_token == "user:1-abcdefgh"


@given(
    name=st.sampled_from(sorted(VARIABLES)),
    secret=st.text(string.ascii_letters + string.digits, min_size=20, max_size=60),
    around=st.sampled_from(["{}", "x {} é", "http://user:{}@host", "{}://host", "host:{}", "sqlite:///{}?", "{},{}"]),
)
def test_no_error_ever_shows_the_value(name: str, secret: str, around: str) -> None:
    try:
        load_settings({"DISCORD_TOKEN": TOKEN, name: around.replace("{}", secret)}, None, Path("/srv/relay"))
    except SettingsError as error:
        assert secret not in str(error)
        assert secret not in repr(error)
        assert error.__cause__ is None
        assert error.__suppress_context__


def test_secrets_are_not_in_the_settings_repr() -> None:
    key = Fernet.generate_key().decode()
    settings = load({"USEAPI_TOKEN": "user:1-abc", "ENCRYPTION_KEY": key})
    for secret in (TOKEN, "user:1-abc", key):
        assert secret not in repr(settings)
        assert secret not in str(settings)


@pytest.mark.parametrize(
    ("useapi_url", "taken"),
    [
        ("https://api.useapi.net", False),
        ("https://API.UseAPI.net", False),
        ("https://api.useapi.net.", False),
        ("https://api.useapi.net:443/", False),
        ("http://api.useapi.net/proxy", False),
        ("http://127.0.0.1:8080", True),
        ("https://api.useapi.net.example.org", True),
    ],
)
def test_fast_polling_is_refused_only_for_the_public_api(useapi_url: str, taken: bool) -> None:
    environ = {"USEAPI_URL": useapi_url, "POLL_INTERVAL": "9.999"}
    if taken:
        assert load(environ).poll_interval_ms == 9_999
        return
    (line,) = problems_of({"DISCORD_TOKEN": TOKEN, **environ})
    assert line.startswith("POLL_INTERVAL ")
    assert load({**environ, "POLL_INTERVAL": "10"}).poll_interval_ms == 10_000


def test_an_absolute_database_path_stays(tmp_path: Path) -> None:
    assert load({"DATABASE_URL": "sqlite:////var/lib/relay.db"}).database == Path("/var/lib/relay.db")
    assert load({"DATABASE_URL": "sqlite:///bot.db"}, root=tmp_path).database == tmp_path / "bot.db"


def test_a_symlink_to_a_database_is_resolved(tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "far" / "relay.db")
    assert load({"DATABASE_URL": "sqlite:///link.db"}, root=tmp_path).database == tmp_path / "far" / "relay.db"
    (tmp_path / "loop.db").symlink_to(tmp_path / "loop.db")
    assert load({"DATABASE_URL": "sqlite:///loop.db"}, root=tmp_path).database == tmp_path / "loop.db"


def test_a_token_for_everybody_is_warned_about() -> None:
    assert load({"USEAPI_TOKEN": "user:1-abc"}).exposes_account
    assert not load({"USEAPI_TOKEN": "user:1-abc", "DISCORD_GUILD_IDS": "123456789012345678"}).exposes_account
    assert not load({}).exposes_account


POSTGRES = "postgresql://relay:pass%40word@db.example.org:5433/relay?sslmode=verify-full&password=another"


def test_postgresql_needs_a_key(tmp_path: Path) -> None:
    (line,) = problems_of({"DISCORD_TOKEN": TOKEN, "DATABASE_URL": POSTGRES})
    assert line.startswith("ENCRYPTION_KEY is not set, and with PostgreSQL it must be")
    (line,) = problems_of({"DISCORD_TOKEN": TOKEN, "DATABASE_URL": POSTGRES, "ENCRYPTION_KEY_FILE": "missing"})
    assert line.startswith("ENCRYPTION_KEY_FILE ")
    settings = load({"DATABASE_URL": POSTGRES, "ENCRYPTION_KEY": Fernet.generate_key().decode()}, root=tmp_path)
    assert isinstance(settings.database, PostgresUrl)
    assert settings.database.secret.get_secret_value() == POSTGRES
    assert settings.database.folder == tmp_path / "data"
    for text in (str(settings), repr(settings), str(settings.database), repr(settings.database)):
        assert "pass%40word" not in text
        assert "another" not in text
    assert str(settings.database) == "postgresql://relay@db.example.org:5433/relay?sslmode=verify-full"


def test_shard_ids_need_postgres() -> None:
    environ = {"DISCORD_TOKEN": TOKEN, "SHARD_IDS": "0-3, 7"}
    postgres = {"DATABASE_URL": "postgresql://relay@127.0.0.1/relay", "ENCRYPTION_KEY": new_key()}
    assert load({**environ, **postgres}).shard_ids == (0, 1, 2, 3, 7)
    assert load(postgres).shard_ids == ()
    (line,) = problems_of(environ)
    assert line.startswith("SHARD_IDS is set, and DATABASE_URL names an SQLite database")
    for wrong in ("3-0", "0..3", "x", "-1", "10000"):
        (line,) = problems_of({**environ, **postgres, "SHARD_IDS": wrong})
        assert line.startswith("SHARD_IDS ")
