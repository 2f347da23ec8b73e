"""Own the search for texts of the window that no translator gets: ``python -m tests.gui.unmarked_texts``.

Every text that can be translated is told in wide letters; what is left in plain letters on a page, in a
menu, a tooltip or an accessible name, and is no data, was never given to the translators.
"""

from __future__ import annotations

import gettext
import os
import re
import sys

CURRENCIES = ("EUR", "USD", "GBP", "CHF", "JPY", "CNY", "INR", "KRW", "BRL", "CAD", "AUD", "SEK", "PLN")
"""Those that the window offers: tests/gui/test_cost.py holds both lists against each other."""
WIDE = {ord("A") + place: 0xFF21 + place for place in range(26)} | {
    ord("a") + place: 0xFF41 + place for place in range(26)
}
_KEPT = re.compile(r"(\{\{|\}\}|\{[^{}]*\}|<[^>]*>)")
_WORD = re.compile(r"[A-Za-z][A-Za-z]+")
FIRST = (
    r"(?<![A-Za-z])[~.]?/\S*", r"https?://\S+", r"[\w.-]+\.(gguf|json|toml|sqlite3|py|md|svg|png|csv)\b",
    r"llama-cpp-python [^()]*\([^()]*\)", r"\([^()]* \d+\.\d\)",
    r"\b(Tunesmith|GGUF|TTFT|ITL|KV|llama\.cpp|llama-server|GitHub|Qt|SHA-256|JSON|TOML|Markdown|CSV|SVG|PNG)\b",
    rf"\b({'|'.join(CURRENCIES)})\b",
    r"\b(CUDA|Metal|Vulkan|LM Studio|Ollama|Hugging Face|Jan|GPT4All|CPU|GPU|RPC|RAM|Linux|Windows|macOS)\b",
)  # fmt: skip
"""What stays as it is in every language: paths, versions, running programs, names of programs and formats."""
THEN = (
    r"--?[a-z][\w-]*", r"[a-z0-9]+(?:_[a-z0-9]+)+", r"\b[A-Z]\d\w*_\w+\b", r"\bq\d_\w+\b", r"\bI?Q\d\w*\b",
    r"\b[a-z]*f(16|32)\b", r"\b[\d.,]+[a-zA-Z]\b",
    r"\b(threads|auto|on|off|none|cpu|default|layer|row|rpc|devices)\b",
    r"\b(tok/s|J/tok|tokens/s|ms|MHz|GHz|KiB|MiB|GiB|TiB|GB|MB|kB|TB|min|bit|Hz)\b", r"°C",
    r"\b(Ctrl|Shift|Alt|Esc|Del|Return|Enter)\b(\+\w+)?",
    r"\b(English|Deutsch|Prefill|Decode|prefill|decode)\b",
)  # fmt: skip
"""The same: settings of llama.cpp and their values, units, keys, words of the trade."""


class Wide(gettext.NullTranslations):
    """A language of wide letters."""

    def gettext(self, message: str) -> str:
        """Widen all but the fields."""
        parts = _KEPT.split(message)
        return "".join(part if place % 2 else part.translate(WIDE) for place, part in enumerate(parts))

    def pgettext(self, _context: str, message: str) -> str:
        """As any text."""
        return self.gettext(message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        """English plurals."""
        return self.gettext(msgid1 if n == 1 else msgid2)


def speak_wide() -> None:
    """Speak it from now on; before anything that holds a text is imported."""
    from tunesmith import wording

    wording._speech.catalog = Wide()


def plain_words(text: str, data: tuple[str, ...]) -> list[str]:
    """The words in plain letters that are no data.

    Args:
        data: regular expressions of more data.
    """
    for pattern in (*data, *FIRST, *THEN):
        text = re.sub(pattern, " ", text)
    return _WORD.findall(text)


def unmarked() -> list[str]:
    """Every unmarked text of the window in all its states, with the state it was seen in."""
    from tests.gui import every_state

    painted, known = every_state.Painted(), every_state.known_data()
    found: dict[str, str] = {}
    for state, text in every_state.visit(
        (1280, 800), lambda window: [*every_state.read(window), *painted.taken()]
    ):
        if text not in found and plain_words(text, known):
            found[text] = f"{state}: {text!r}"
    return list(found.values())


if __name__ == "__main__":
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    speak_wide()
    sys.stdout.write("".join(f"{line}\n" for line in unmarked()))
