"""Own exporting stored profiles and profile files for other programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tunesmith.domain.cost import PricedCost, profile_cost
from tunesmith.errors import UsageError
from tunesmith.export.job import Exported, Options, Target
from tunesmith.export.targets import export_profiles
from tunesmith.services.files import write_whole
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.domain.prices import Prices
    from tunesmith.domain.profile import TunedProfile
    from tunesmith.store import Store


def find_profile(ref: str, store: Store) -> TunedProfile:
    """A profile by its file, if the reference is one, else from the store.

    Raises:
        UsageError: the file is no profile.
        NotFoundError: the store has none, or several.
        StoreError: or one of its kin.
    """
    from tunesmith.services.profile_files import read_profile

    path = Path(ref)
    if path.suffix == ".json" and path.is_file():
        return read_profile(path)
    return store.profile(ref)


def export(
    profiles: Sequence[TunedProfile],
    target: Target,
    options: Options,
    *,
    model_path: str | None = None,
    source_url: str | None = None,
    prices: Prices | None = None,
) -> Exported:
    """Write profiles in a format.

    Args:
        profiles: what is to be exported.
        target: the format.
        options: what else it wants to know.
        model_path: where the model lies on the machine that will read the export; as here if None.
        source_url: where the model can be had, to be noted in the profile itself.
        prices: note what tokens cost at these.

    Raises:
        UsageError: they cannot be written in this format, or what tokens cost cannot be told at all.
    """
    if source_url is not None:
        profiles = [profile.model_copy(update={"source_url": source_url}) for profile in profiles]
    if prices is not None:
        profiles = [profile.model_copy(update={"cost": priced(profile, prices)}) for profile in profiles]
    return export_profiles(
        [(profile, model_path or _here(profile.model.header.path)) for profile in profiles], target, options
    )


def priced(profile: TunedProfile, prices: Prices) -> PricedCost:
    """What tokens cost under a profile, to travel with it.

    Raises:
        UsageError: nothing has a price, or nobody tells what the machine draws.
    """
    cost = profile_cost(profile.tuned, profile.workload, prices, profile.tuned_energy)
    if not prices.costs_anything:
        raise UsageError(
            tr("What tokens cost is to be noted, but nothing has a price."),
            unharmed=tr("Nothing was written."),
            todo=tr("Name prices, such as electricity=0.30,currency=EUR."),
        )
    if cost.request.total is None:
        raise UsageError(
            tr("What tokens cost cannot be told: nobody says what the machine draws."),
            unharmed=tr("Nothing was written."),
            todo=tr("Name it with the prices, such as load-watts=65,idle-watts=15."),
        )
    return PricedCost(prices=prices, cost=cost.rounded())


def write_export(exported: Exported, path: Path) -> None:
    """Put an export into a file, as a whole or not at all.

    Raises:
        StoreError: it cannot be written.
    """
    write_whole(path, exported.text.encode(), unharmed=tr("The profile is unharmed."))


def _here(path: str) -> str:
    """The whole path of a file that is there; others are left as they are written."""
    try:
        return str(Path(path).absolute()) if Path(path).is_file() else path
    except (OSError, ValueError):
        return path
