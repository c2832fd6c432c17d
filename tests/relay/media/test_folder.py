"""Which media folder a process gets, and what is deleted in those of processes that are gone."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from relay.media.folder import folder_beside, held_folder
from settings import PostgresUrl


def test_each_process_on_a_machine_has_its_own_folder_and_empties_those_of_dead_ones(tmp_path: Path) -> None:
    url = PostgresUrl(SecretStr("postgresql://relay@db/relay"), tmp_path)
    first, second, third = (folder_beside(url, number) for number in (1, 2, 3))
    for folder in (second, third):
        folder.mkdir()
        (folder / "video.part").write_bytes(b"x")
    with held_folder(url) as one:
        assert one == first
        assert not any((*second.iterdir(), *third.iterdir()))
        with held_folder(url) as two:
            assert two == second
            (second / "video.part").write_bytes(b"x")
            (third / "video.part").write_bytes(b"x")
            with held_folder(url) as three:
                assert three == third
            assert any(second.iterdir())
            assert any(third.iterdir())


def test_a_folder_of_another_user_prevents_no_start(tmp_path: Path) -> None:
    url = PostgresUrl(SecretStr("postgresql://relay@db/relay"), tmp_path)
    second = folder_beside(url, 2)
    second.mkdir()
    second.with_name(f"{second.name}.lock").mkdir()
    with held_folder(url) as one:
        assert one == folder_beside(url)
