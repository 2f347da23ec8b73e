"""Own the published JSON Schemas: ``python -m tunesmith.presentation.schemas FOLDER`` renews them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tunesmith.presentation.documents import DOCUMENTS, json_schema


def schema_texts() -> dict[str, str]:
    """Every published schema by file name."""
    return {
        f"{name}.schema.json": json.dumps(json_schema(name), indent=2, ensure_ascii=False) + "\n"
        for name in DOCUMENTS
    }


def main(folder: str) -> None:
    """Write the schemas into a folder."""
    for name, text in schema_texts().items():
        Path(folder, name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
