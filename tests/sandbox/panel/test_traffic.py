import pytest

from sandbox.panel.traffic import SHOWN, latest, masked, short
from sandbox.pixverse_api.requests_log import LoggedRequest

V2_ID = "user:4321-pixverse:studio.4321@example.com-video:522076900507261"


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/interactions/12/aW50ZXJhY3Rpb24/callback", "/interactions/12/…/callback"),
        ("/webhooks/34/aW50ZXJhY3Rpb24/messages/@original", "/webhooks/34/…/messages/@original"),
        ("/webhooks/34/aW50ZXJhY3Rpb24?wait=true", "/webhooks/34/…?wait=true"),
        (f"/v2/pixverse/videos/{V2_ID}", "/v2/pixverse/videos/user:4321-pixverse:s…@…-video:522076900507261"),
        (
            "/v2/pixverse/videos/user%3A4321-pixverse%3Astudio.4321%40example.com-image%3A7",
            "/v2/pixverse/videos/user:4321-pixverse:s…@…-image:7",
        ),
        ("/v1/pixverse/jobs?email=ada.l@sub.example.org&x=1", "/v1/pixverse/jobs?email=a…@…&x=1"),
        ("/attachments/1/2/out.mp4?ex=6f&is=6e&hm=0badc0de&", "/attachments/1/2/out.mp4?ex=6f&is=6e&hm=…&"),
        ("/v1/x?token=user:4321-AbCdEfGhIjKlMnOpQrStUvWx", "/v1/x?token=user:4321-…"),
        ("/callback/s3cr3t-s3cr3t", "/callback/…"),
        ("/a%0d%0aSet-Cookie:%20b%e2%80%ae", "/a��Set-Cookie: b�"),
    ],
)
def test_nothing_secret_is_shown(path: str, shown: str) -> None:
    assert masked(path) == shown


def test_long_paths_are_cut() -> None:
    assert len(masked("/" + "a" * 9000)) == 300


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/channels/1575371676583985155/messages/1575371683550724096", "/channels/…5155/messages/…4096"),
        (
            "/v1/pixverse/jobs/?jobid=job:20261126044438280-user:4321-channel:1301443362951501768-bot:pixverse",
            "/v1/pixverse/jobs/?jobid=job:…8280…",
        ),
        (f"/v2/pixverse/videos/{V2_ID}", f"/v2/pixverse/videos/{V2_ID.replace('52207690050', '…')}"),
        ("/v2/pixverse/scheduler/", "/v2/pixverse/scheduler/"),
    ],
)
def test_the_middle_of_long_numbers_is_left_out(path: str, shown: str) -> None:
    assert short(path) == shown


def test_only_the_latest_requests_are_shown_newest_first() -> None:
    asked = [LoggedRequest("GET", f"/v1/{number}", None, number, None, "host", 200) for number in range(100)]
    files = [LoggedRequest("GET", "/file", None, 1000, None, "host")]
    lines = latest([], asked, files)
    assert len(lines) == SHOWN
    assert [line["path"] for line in lines[:3]] == ["/file", "/v1/99", "/v1/98"]
    assert lines[0]["status"] is None
