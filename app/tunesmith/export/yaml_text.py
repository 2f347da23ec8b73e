"""Own YAML that every reader understands alike, be it of version 1.1 or 1.2."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import yaml

_PLAIN = re.compile(r"(?!(?:y|n|yes|no|on|off|true|false|null)$)[A-Za-z/][A-Za-z0-9_./-]*", re.IGNORECASE)
"""Texts that no version takes for anything else; all others are quoted."""


def yaml_text(value: Any) -> str:
    """A value of dicts, lists, texts, numbers and booleans as a block of YAML."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Quotes every text that looks like something else to some reader."""

        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
            super().increase_indent(flow, False)  # noqa: FBT003 (as the base class has it)

        def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
            return True

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        style = None if _PLAIN.fullmatch(value) else '"'
        if value.count("\n") > 1 and all(c.isprintable() or c == "\n" for c in value):
            style = "|"
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    dumped: str = yaml.dump(value, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=1_000_000)
    return dumped
