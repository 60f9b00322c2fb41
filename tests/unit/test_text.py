"""Which characters are hidden, and how text is drawn that holds some."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from facelift.text import is_hidden, printable


@given(st.text())
def test_drawn_text_is_one_line_without_hidden_characters(text: str) -> None:
    assert not any(map(is_hidden, printable(text)))
    assert printable(printable(text)) == printable(text)


def test_letters_of_every_script_are_drawn_as_they_are() -> None:
    for text in ("Zoë", "机器人", "שלום", "نمی\u200cشود", "👩\u200d🚀", "a\u0301"):
        assert printable(text) == text


def test_every_control_format_and_separating_character_is_hidden_but_joiners() -> None:
    every = [chr(point) for point in range(0x110000)]
    wanted = {
        each for each in every if unicodedata.category(each) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
    }
    assert set(filter(is_hidden, every)) == wanted - {"\u200c", "\u200d"}
