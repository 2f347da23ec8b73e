"""Own the list of what a release is made of, as CycloneDX: what is locked, and what it brings inside."""

from __future__ import annotations

import json
import re
import tomllib
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

NATIVE = Path(__file__).resolve().parent / "native.toml"
SCHEMA = SchemaVersion.V1_6
NAMESPACE = uuid.UUID("d8d5f9e5-1b0a-4f3d-9d0c-6f8b7a0a3c11")
"""Of serial numbers, which are made of the content: the same release has the same one."""
_THIRD_PARTY = re.compile(r"(?P<name>\S+) (?P<version>\S+): (?P<licence>.+) \((?P<folder>[^()]+)/\)")
_NO_LICENCE = "see its text"


class BadSbom(Exception):
    """The list does not fit: to the packages, or to CycloneDX's schema; says where."""


@dataclass(frozen=True, slots=True)
class Native:
    """A part in machine code inside a Python package."""

    inside: str
    of: str
    name: str
    repository: str
    licence: str
    version: str = ""
    """Empty if it has its package's number."""
    commit: str = ""


@dataclass(frozen=True, slots=True)
class Brought:
    """What the frozen program's list of licences says of a part."""

    name: str
    version: str
    licence: str


def native_parts(path: Path = NATIVE) -> tuple[Native, ...]:
    """What is known of the parts that no lock file names."""
    return tuple(Native(**part) for part in tomllib.loads(path.read_text("utf-8"))["part"])


def brought(listed: str) -> Iterator[Brought]:
    """The parts of a frozen program's ``licences/THIRD-PARTY.txt``.

    Raises:
        BadSbom: a line that is not of its form.
    """
    for line in listed.splitlines()[2:]:
        if (found := _THIRD_PARTY.fullmatch(line)) is None:
            raise BadSbom(f"THIRD-PARTY.txt has a line of another form: {line!r}")
        yield Brought(found["name"], found["version"], found["licence"])


def make(
    exported: str, version: str, now: datetime, *, native: Iterable[Native], frozen: Iterable[Brought] = ()
) -> str:
    """The list as CycloneDX JSON, checked against its schema.

    Args:
        exported: what ``uv export --format cyclonedx1.5`` says of the lock file.
        version: of Tunesmith.
        now: when the list was made, to be stated in it.
        native: parts that packages bring inside.
        frozen: what else is in the frozen program, with the licences of all.

    Raises:
        BadSbom: a native part belongs to another version of its package; or the list does not fit the schema.
    """
    document = json.loads(exported)
    tools = document["metadata"].pop("tools", [])  # in a form that newer schemas no longer have
    bom = Bom.from_json(document)  # type: ignore[attr-defined] # made by a decorator
    assert isinstance(bom, Bom)  # noqa: S101 (else it raises)
    root = bom.metadata.component
    if root is None:
        raise BadSbom("what uv exported does not say of what it is")
    root.name, root.version, root.type = "tunesmith", version, ComponentType.APPLICATION
    root.purl = PackageURL("pypi", name="tunesmith", version=version)
    root.licenses = _licences("Apache-2.0")
    for part in native:
        for package in [one for one in bom.components if _plain(one.name) == part.inside]:
            inner = _component(part, package)
            bom.components.add(inner)
            bom.register_dependency(package, [inner])
    known = {(_plain(one.name), one.version): one for one in bom.components}
    for one in frozen:
        component = known.get((_plain(one.name), one.version))
        if component is None:
            component = Component(
                name=one.name,
                version=one.version,
                type=ComponentType.LIBRARY,
                bom_ref=f"frozen:{one.name}@{one.version}",
            )
            bom.components.add(component)
            bom.register_dependency(root, [component])
        component.licenses = _licences(one.licence)
    for tool in tools:
        bom.metadata.tools.components.add(
            Component(name=tool["name"], version=tool["version"], type=ComponentType.APPLICATION)
        )
    bom.metadata.timestamp = now
    content = sorted(f"{one.bom_ref.value} {one.version}" for one in bom.components)
    bom.serial_number = uuid.uuid5(NAMESPACE, "\n".join([version, now.isoformat(), *content]))
    text = make_outputter(bom, OutputFormat.JSON, SCHEMA).output_as_string(indent=2) + "\n"
    check(text)
    return text


def check(text: str) -> None:
    """Hold a list against CycloneDX's own schema, unknown keys included.

    Raises:
        BadSbom: it does not fit.
    """
    if error := JsonStrictValidator(SCHEMA).validate_str(text):
        raise BadSbom(f"the list does not fit CycloneDX {SCHEMA.to_version()}: {error}")


def described(text: str) -> tuple[str, str]:
    """Name and version of what a list is of."""
    root: dict[str, Any] = json.loads(text)["metadata"]["component"]
    return root["name"], root["version"]


def _component(part: Native, package: Component) -> Component:
    if part.of not in ("*", package.version):
        raise BadSbom(
            f"{part.name} was looked up for {part.inside} {part.of}, but locked is {package.version}: "
            f"look it up again, in {NATIVE.name}"
        )
    version = part.version or package.version or ""
    place = f"{part.repository}@{part.commit}" if part.commit else part.repository
    return Component(
        name=part.name, version=version, type=ComponentType.LIBRARY, licenses=_licences(part.licence),
        bom_ref=f"{package.bom_ref.value}/{part.name}",
        purl=PackageURL("generic", name=part.name, version=version, qualifiers={"vcs_url": f"git+{place}"}),
        external_references=[ExternalReference(type=ExternalReferenceType.VCS, url=XsUri(part.repository))],
    )  # fmt: skip


def _licences(stated: str) -> list[Any]:
    return [] if stated == _NO_LICENCE else [LicenseFactory().make_from_string(stated)]


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
