import pytest

from sandbox.panel.form import Form, NotDone


def test_texts_are_trimmed_and_optional_if_there_is_a_default() -> None:
    assert Form({"prompt": "  boat "}).text("prompt") == "boat"
    assert Form({"prompt": "  "}).text("prompt", otherwise="kite") == "kite"


@pytest.mark.parametrize("value", [None, "", "  ", 7, ["a"], {"a": 1}, "x" * 4001])
def test_values_that_are_not_text_are_refused(value: object) -> None:
    with pytest.raises(NotDone):
        Form({"prompt": value}).text("prompt")


@pytest.mark.parametrize("value", ["0", "10", "2.5"])
def test_numbers_within_their_limits(value: str) -> None:
    assert Form({"times": value}).number("times", 0, 10) == float(value)


@pytest.mark.parametrize("value", ["-1", "11", "nan", "inf", "-inf", "many", "", "1e9"])
def test_numbers_out_of_range_are_refused(value: str) -> None:
    with pytest.raises(NotDone):
        Form({"times": value}).number("times", 0, 10)


def test_only_offered_choices_are_accepted() -> None:
    assert Form({"of": "files"}).one_of("of", {"files": True}) is True
    with pytest.raises(NotDone, match="no choice"):
        Form({"of": "<script>"}).one_of("of", {"files": True})


def test_one_tick_and_many() -> None:
    assert Form({"permissions": "Attach Files"}).texts("permissions") == ["Attach Files"]
    assert Form({"permissions": ["a", 7, "b"]}).texts("permissions") == ["a", "b"]
    assert Form({}).texts("permissions") == []
    assert Form({"once": "on"}).ticked("once")
    assert not Form({}).ticked("once")
