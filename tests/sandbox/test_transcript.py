from sandbox.transcript import readable


def test_markup_is_written_as_people_read_it() -> None:
    text = "**Watching.** </pixverse status:12> <@7> <@8>\n-# https://discord.com/channels/1/2/3 <t:0:R>"
    shown = readable(text, {7: "Alice"})
    assert shown.startswith("Watching. /pixverse status @Alice @8\n(link to the message) ")
    assert "<t:" not in shown
