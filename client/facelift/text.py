"""Tells which characters neither fields nor output may hold, and escapes them where text is drawn.

Such characters move a terminal's cursor, begin a line, turn the direction of writing or are not
seen. They are refused in a job's fields. What Redis or an endpoint holds all the same is escaped
by `printable`, the one function that all commands and the text log draw with.
"""

import unicodedata

_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_JOINERS = "\u200c\u200d"  # Persian and Indic names, and emoji, are written with them
_LOOKS_BLANK = _JOINERS + "\u115f\u1160\u2800\u3164\uffa0"  # letters and symbols by category


def is_hidden(character: str) -> bool:
    """Whether it is a control, format (but for joiners), surrogate or line-separating character."""
    return unicodedata.category(character) in _HIDDEN and character not in _JOINERS


def is_blank(character: str) -> bool:
    """Whether nothing is seen of it: a space of any kind, or what looks like one."""
    return character.isspace() or character in _LOOKS_BLANK


def printable(text: str) -> str:
    """The text in one line: a space for white space, an escape for what cannot be shown."""
    return text if text.isprintable() else "".join(map(_shown, text))


def printable_json(line: str) -> str:
    """A line of ASCII JSON without DEL, the one control character that `json` does not escape."""
    return line.replace("\x7f", "\\u007f")


def _shown(character: str) -> str:
    if character.isprintable() or character in _JOINERS:
        return character
    return " " if character.isspace() else character.encode("unicode_escape").decode()
