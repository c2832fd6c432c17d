"""Secrets read from files: which are accepted, and the line for each error."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from settings import SettingsError, load_settings, shown_settings
from settings.secret_files import SECRET_FILES

KEY = Fernet.generate_key().decode()
SECRETS = {"DISCORD_TOKEN": "MTA.abc.def", "USEAPI_TOKEN": "user:1-abc", "ENCRYPTION_KEY": KEY}


def secret(folder: Path, content: str | bytes, *, mode: int = 0o600, name: str = "secret") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    path.chmod(mode)
    return path


def problems(environ: dict[str, str], root: Path, env_file: Path | None = None) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load_settings(environ, env_file, root)
    return caught.value.problems


@pytest.mark.parametrize(("variable", "plain"), SECRET_FILES.items())
def test_a_malformed_secret_names_the_file_s_variable_too(tmp_path: Path, variable: str, plain: str) -> None:
    environ = {"DISCORD_TOKEN": "MTA.abc.def", variable: str(secret(tmp_path, "no secret"))}
    if plain == "DISCORD_TOKEN":
        del environ[plain]
    (line,) = problems(environ, tmp_path)
    assert line.startswith(f"{plain} (from the file that {variable} names) ")


def test_each_secret_can_come_from_a_file_beside_bot_py_or_anywhere(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    environ = {}
    for variable, plain in SECRET_FILES.items():
        path = secret(tmp_path / "run", f"\ufeff{SECRETS[plain]}\r\n", name=plain)
        environ[variable] = str(path) if plain == "DISCORD_TOKEN" else f"run/{plain}"
    settings = load_settings(environ, None, tmp_path)
    assert settings.discord_token.get_secret_value() == SECRETS["DISCORD_TOKEN"]
    assert settings.useapi_token is not None
    assert settings.useapi_token.get_secret_value() == SECRETS["USEAPI_TOKEN"]
    assert [key.get_secret_value() for key in settings.encryption_keys] == [KEY]
    assert settings.open_secret_files == ()
    shown = dict(shown_settings(settings))
    assert shown["USEAPI_TOKEN"] == f"read from {tmp_path / 'run' / 'USEAPI_TOKEN'}, not shown"
    assert not any(value in line for line in shown.values() for value in SECRETS.values())


def test_env_can_name_the_file_and_the_environment_wins(tmp_path: Path) -> None:
    secret(tmp_path, "from-env-file", name="one")
    secret(tmp_path, "from-environment", name="two")
    env = tmp_path / ".env"
    env.write_text("discord_token_file=one\nDISCORD_TOKEN=\n")
    assert load_settings({}, env, tmp_path).discord_token.get_secret_value() == "from-env-file"
    settings = load_settings({"DISCORD_TOKEN_FILE": "two"}, env, tmp_path)
    assert settings.discord_token.get_secret_value() == "from-environment"


@pytest.mark.parametrize(("variable", "plain"), SECRET_FILES.items())
def test_a_secret_set_twice_is_an_error_wherever_each_is_set(tmp_path: Path, variable: str, plain: str) -> None:
    path = secret(tmp_path, SECRETS[plain])
    env = tmp_path / ".env"
    env.write_text(f"{plain}={SECRETS[plain]}\n")
    given = {} if plain == "DISCORD_TOKEN" else {"DISCORD_TOKEN": "MTA.abc.def"}
    both = {**given, variable: str(path), plain: SECRETS[plain]}
    assert problems(both, tmp_path) == [f"{variable} is set beside {plain}; keep one of the two"]
    assert problems({**given, variable: str(path)}, tmp_path, env) == [
        f"{variable} is set beside {plain}; keep one of the two"
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "does not exist"),
        ("", "empty file"),
        (" \n\t", "empty file"),
        (b"\xff\xfe\x00", "not UTF-8"),
        ("x" * 70_000, "too large"),
    ],
)
@pytest.mark.parametrize("variable", SECRET_FILES)
def test_an_unusable_file_has_one_line(tmp_path: Path, variable: str, content: str | bytes | None, words: str) -> None:
    path = tmp_path / "secret"
    if content is not None:
        secret(tmp_path, content)
    given = {} if variable == "DISCORD_TOKEN_FILE" else {"DISCORD_TOKEN": "MTA.abc.def"}
    (line,) = problems({**given, variable: str(path)}, tmp_path)
    assert line.startswith(f"{variable} names ")
    assert words in line
    assert str(path) not in line


def test_a_folder_is_not_a_secret(tmp_path: Path) -> None:
    (line,) = problems({"DISCORD_TOKEN_FILE": str(tmp_path)}, tmp_path)
    assert "names a folder" in line


def test_a_file_s_content_is_checked_and_never_shown(tmp_path: Path) -> None:
    path = secret(tmp_path, "no fernet key")
    (line,) = problems({"DISCORD_TOKEN": "MTA.abc.def", "ENCRYPTION_KEY_FILE": str(path)}, tmp_path)
    assert line.startswith("ENCRYPTION_KEY (from the file that ENCRYPTION_KEY_FILE names) is malformed")
    assert "fernet key (44" in line.lower()
    assert "no fernet key" not in line


def test_a_file_that_everybody_can_read_causes_a_warning(tmp_path: Path) -> None:
    path = secret(tmp_path, "MTA.abc.def", mode=0o644)
    assert load_settings({"DISCORD_TOKEN_FILE": str(path)}, None, tmp_path).open_secret_files == (path,)
