"""Own systemd's rules for the words of ExecStart=, as its manual gives them (systemd.syntax(7))."""

from __future__ import annotations

_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "s": " "}


def systemd_words(line: str) -> list[str]:
    """Words of a command line: quotes, C escapes, ``%%`` and ``$$``; a specifier or variable is a fault."""
    words: list[str] = []
    word: list[str] | None = None
    quote = ""
    place = 0
    while place < len(line):
        character = line[place]
        place += 1
        if character == "\\":
            taken, place = _escape(line, place)
            word = [*(word or []), taken]
        elif quote:
            if character == quote:
                quote = ""
            else:
                word = [*(word or []), character]
        elif character in "\"'" and word is None:
            quote, word = character, []
        elif character in " \t\n\r":
            if word is not None:
                words.append("".join(word))
            word = None
        else:
            word = [*(word or []), character]
    assert not quote, "a quote is not closed"
    if word is not None:
        words.append("".join(word))
    return [_expanded(each) for each in words]


def _escape(line: str, place: int) -> tuple[str, int]:
    character = line[place]
    if character == "x":
        return chr(int(line[place + 1 : place + 3], 16)), place + 3
    if character in _ESCAPES:
        return _ESCAPES[character], place + 1
    assert character in "\\\"'", f"\\{character} is no escape"
    return character, place + 1


def _expanded(word: str) -> str:
    for sign in "%$":
        assert sign not in word.replace(sign * 2, ""), f"{word!r} holds a single {sign}"
        word = word.replace(sign * 2, sign)
    return word
