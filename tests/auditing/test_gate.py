from __future__ import annotations

import pytest

from sightline.auditing import ALLOWED, CHECKS, LEFT_OUT, check_words, gate
from sightline.dataset import Finding
from sightline.errors import ConfigError, DataError


def finding(check: str, *names: str, severity: str = "error", surplus: tuple[str, ...] = ()):
    return Finding(
        check=check,
        severity=severity,
        message=f"{check} of {', '.join(names)}",
        paths=names,
        surplus=surplus,
    )


LEAK = finding("leak", "train/a", "test/a", surplus=("train/a",))
BROKEN = finding("unreadable", "b", surplus=("b",))
COPIES = finding("duplicate", "c", "d", severity="warning", surplus=("d",))


def test_warnings_pass():
    assert gate([COPIES]) == ()


def test_an_error_stops_and_names_the_words_to_go_on():
    with pytest.raises(DataError) as caught:
        gate([BROKEN, LEAK, COPIES])
    error = caught.value
    assert error.code == "unreadable" and error.exit_code == 3
    assert "unreadable of b" in error.what and "leak of train/a, test/a" in error.what
    assert "duplicate" not in str(error)
    assert "`--without unreadable` leaves 1 image out" in str(error.fix)
    assert "`--allow leak`" in str(error.fix) and "`--without leak`" in str(error.fix)
    assert "--allow unreadable" not in str(error)
    assert [item["check"] for item in error.details["findings"]] == ["unreadable", "leak"]


def test_several_errors_name_the_words_to_add_all_at_once():
    missing = finding("missing_class")
    with pytest.raises(DataError) as caught:
        gate([BROKEN, LEAK, missing])
    words = "--without unreadable --without leak --allow missing_class"
    assert str(caught.value.fix).endswith(f"all at once: `{words}`")
    given = words.split()
    without = [given[i + 1] for i in range(0, len(given), 2) if given[i] == "--without"]
    assert gate([BROKEN, LEAK, missing], without=without, allow=["missing_class"]) == (
        "b",
        "train/a",
    )


def test_one_error_needs_no_second_way_of_saying_it():
    with pytest.raises(DataError) as caught:
        gate([LEAK])
    assert "all at once" not in str(caught.value.fix)


@pytest.mark.parametrize("check", sorted(set(LEFT_OUT)))
def test_every_check_that_can_be_left_out_is(check: str):
    found = finding(check, "a", "b", severity="warning", surplus=("a",))
    assert gate([found], without=[check]) == ("a",)


def test_without_gives_the_names_to_leave_out():
    assert gate([BROKEN, LEAK], without=["unreadable", "leak"]) == ("b", "train/a")
    assert gate([COPIES], without={"duplicate"}) == ("d",)


def test_allow_goes_on_and_leaves_nothing_out():
    assert gate([LEAK], allow={"leak"}) == ()


def test_what_another_word_left_out_stops_no_more():
    copies = finding("duplicate", "train/a", "test/a", severity="warning", surplus=("train/a",))
    assert gate([LEAK, copies], without={"duplicate"}) == ("train/a",)


def test_an_error_that_nothing_can_leave_out_stays():
    with pytest.raises(DataError, match="missing_class"):
        gate([finding("missing_class")], without={"leak"})


def test_errors_beyond_twenty_are_counted():
    with pytest.raises(DataError) as caught:
        gate([finding("unreadable", f"n{i:02}", surplus=(f"n{i:02}",)) for i in range(33)])
    assert "unreadable (33 images)" in caught.value.what
    assert "n19" in caught.value.what and "n20" not in caught.value.what
    assert "… and 13 more" in caught.value.what


@pytest.mark.parametrize(
    ("allow", "without", "words"),
    [
        (["unreadabel"], [], "Unknown check 'unreadabel'"),
        (["leek"], [], "Did you mean 'leak'"),
        (["unreadable"], [], "--allow unreadable is not possible"),
        ([], ["missing_class"], "--without missing_class is not possible"),
        ([], ["empty_class"], "--without empty_class is not possible"),
    ],
)
def test_words_are_checked_first(allow, without, words):
    with pytest.raises(ConfigError, match=words):
        gate([], allow=allow, without=without)


def test_every_check_can_be_answered():
    assert set(CHECKS) <= {*ALLOWED, *LEFT_OUT}
    check_words(ALLOWED, LEFT_OUT)
