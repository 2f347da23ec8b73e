"""Own what macOS is told of the application: its Info.plist, apart from what PyInstaller writes itself."""

from __future__ import annotations

from typing import Any, Final

BUNDLE_ID: Final = "org.tunesmith.Tunesmith"
"""A placeholder until a domain is ours: then changed here and nowhere else on macOS."""
GGUF_TYPE: Final = "org.ggml.gguf"
"""The type of GGUF files: imported, not exported, since the format is another project's."""


def info_plist(version: str) -> dict[str, Any]:
    """The application's properties.

    Args:
        version: of Tunesmith.
    """
    return {
        "CFBundleDisplayName": "Tunesmith",
        "CFBundleExecutable": "tunesmith-window",  # the other launcher is for terminals
        "LSBackgroundOnly": False,  # PyInstaller says so of programs for terminals
        "CFBundleShortVersionString": version,
        "CFBundleVersion": version,
        "CFBundleDevelopmentRegion": "en",
        "CFBundleLocalizations": ["en", "de"],
        "LSApplicationCategoryType": "public.app-category.developer-tools",
        "LSMinimumSystemVersion": "13.0",  # of Qt's wheels
        "NSHighResolutionCapable": True,
        "NSHumanReadableCopyright": "The Tunesmith authors, Apache-2.0",
        "CFBundleDocumentTypes": [
            {
                "CFBundleTypeName": "GGUF model",
                "CFBundleTypeRole": "Viewer",
                "LSHandlerRank": "Alternate",
                "LSItemContentTypes": [GGUF_TYPE],
            }
        ],
        "UTImportedTypeDeclarations": [
            {
                "UTTypeIdentifier": GGUF_TYPE,
                "UTTypeDescription": "GGUF model",
                "UTTypeConformsTo": ["public.data"],
                "UTTypeTagSpecification": {
                    "public.filename-extension": ["gguf"],
                    "public.mime-type": ["application/x-gguf"],
                },
            }
        ],
    }
