"""Own the grammar of what fleets need: verify, bundle, keys, fleet, and picking from a bundle."""

from __future__ import annotations

import argparse
from collections.abc import Callable

Commands = argparse._SubParsersAction  # noqa: SLF001 (argparse has no public name for it)
Add = Callable[["Commands[argparse.ArgumentParser]", str, str], argparse.ArgumentParser]


def add_device_options(tune: argparse.ArgumentParser) -> None:
    """What ``tune``, and so ``--headless``, takes to pick a profile from a bundle instead of tuning."""
    group = tune.add_argument_group("take a profile from a bundle instead")
    group.add_argument("--bundle", metavar="FILE", help="pick the profile for this machine class from it")
    group.add_argument("--to", metavar="FORMAT", help="export the profile to --output FILE, as `export` does")
    group.add_argument(
        "--otherwise", choices=("tune", "fail"), help="what to do if no profile is near enough; fail"
    )
    group.add_argument("--max-distance", type=float, metavar="N", help="what is near enough; 3")
    group.add_argument("--allow-unsigned", action="store_true", help="take a bundle that nobody signed")


def add_fleet(add: Add, add_group: Add, commands: Commands[argparse.ArgumentParser]) -> None:
    """The commands.

    Args:
        add: adds a command that has the options of every command.
        add_group: adds one that has other commands below it.
        commands: what to add to.
    """
    _add_verify(add, commands)
    _add_bundle(add, add_group, commands)
    _add_keys(add, add_group, commands)
    fleet = add_group(commands, "fleet", "sum up what many devices found")
    report = add(_actions(fleet), "report", "sum up results of `verify`, by machine class and build")
    report.add_argument("folder", metavar="DIR", help="where the JSON documents lie, folders below included")
    report.add_argument("--csv", action="store_true", help="a line for each profile on each class, as CSV")


def _actions(parent: argparse.ArgumentParser) -> Commands[argparse.ArgumentParser]:
    return parent.add_subparsers(dest="action", metavar="ACTION", title="actions", required=True)


def _add_verify(add: Add, commands: Commands[argparse.ArgumentParser]) -> None:
    verify = add(commands, "verify", "measure a profile again: does it hold on this machine?")
    verify.add_argument("profile", metavar="ID|FILE", help="a stored profile, or a profile's JSON file")
    verify.add_argument(
        "--model", metavar="MODEL", help="where its model is; as the profile says if left out"
    )
    verify.add_argument("--budget", metavar="TIME", default="60s", help="most time for measuring; 60s")
    verify.add_argument("--margin", metavar="SHARE", help="how much slower counts as the same; 5%%")
    verify.add_argument("--prometheus", metavar="FILE", help="also write the answer for Prometheus, *.prom")
    verify.add_argument("--output", metavar="FILE", help="also write the JSON document, for `fleet report`")
    verify.add_argument(
        "--rpc", metavar="HOST:PORT", action="append", default=[],
        help="an RPC server that the profile uses; not encrypted, for trusted networks only; repeatable",
    )  # fmt: skip


def _add_bundle(add: Add, add_group: Add, commands: Commands[argparse.ArgumentParser]) -> None:
    actions = _actions(add_group(commands, "bundle", "make, sign, verify and show bundles of profiles"))
    create = add(actions, "create", "put profiles of one model into a bundle")
    create.add_argument("id", metavar="ID|FILE", nargs="+", help="stored profiles, or their JSON files")
    create.add_argument("--output", metavar="FILE", required=True, help="where the bundle goes")
    create.add_argument("--name", metavar="NAME", required=True, help="of the series, such as kiosk-smollm2")
    create.add_argument(
        "--serial", type=int, metavar="N", required=True, help="larger than that of the last of this name"
    )
    create.add_argument("--expires", metavar="DATE|DAYS", help="such as 2027-06-30 or 90; never if left out")
    create.add_argument(
        "--revoke", metavar="KEY", action="append", default=[],
        help="id of a key that devices are to trust no more; repeatable",
    )  # fmt: skip
    sign = add(actions, "sign", "sign a bundle, in place of a signature that it has")
    sign.add_argument("--key", metavar="KEY", required=True, help="a private key's file, or its name here")
    sign.add_argument("--output", metavar="FILE", help="where the signed bundle goes; FILE itself")
    _add_passphrase(sign)
    verify = add(actions, "verify", "check a bundle as a device would")
    verify.add_argument("--allow-unsigned", action="store_true", help="take a bundle that nobody signed")
    show = add(actions, "show", "show what is in a bundle, trusted or not")
    for action in (sign, verify, show):
        action.add_argument("file", metavar="FILE", help="a bundle")


def _add_keys(add: Add, add_group: Add, commands: Commands[argparse.ArgumentParser]) -> None:
    actions = _actions(add_group(commands, "keys", "make keys, and choose whose bundles are taken"))
    create = add(actions, "create", "make a key pair, and trust it here")
    create.add_argument("name", metavar="NAME", help="what it is called")
    create.add_argument(
        "--output", metavar="FILE", help="the private key; keys/NAME.key.pem in the config folder"
    )
    _add_passphrase(create)
    add(actions, "list", "list the keys that are trusted or revoked here")
    trust = add(actions, "trust", "take bundles that are signed with a key")
    trust.add_argument("file", metavar="FILE", help="the public key, PEM")
    trust.add_argument("--name", metavar="NAME", help="what it is called here; the file's name")
    revoke = add(actions, "revoke", "take no bundle that is signed with a key, for good")
    revoke.add_argument("key", metavar="KEY", help="its id, the beginning of it, or its name")
    revoke.add_argument("--reason", metavar="TEXT", default="", help="to be remembered")


def _add_passphrase(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--passphrase-file", metavar="FILE", help="the private key's passphrase is its first line; - asks"
    )
