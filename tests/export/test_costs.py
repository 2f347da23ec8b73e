"""What tokens cost travels with an export: as comments, as metadata, in the profile, or it is said not to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.cli.test_cost import PRICE, filled
from tests.store.values import profile
from tests.support.cli import CommandLine
from tunesmith.cli.prices_given import parse_prices
from tunesmith.domain.cost import profile_cost
from tunesmith.domain.profile import TunedProfile
from tunesmith.domain.profile_file import parse_profile_file, profile_file, profile_of
from tunesmith.domain.workload import Objective
from tunesmith.errors import UsageError
from tunesmith.export.costs import cost_metadata, price_text
from tunesmith.export.job import Options
from tunesmith.export.targets import TARGETS
from tunesmith.services.export import export, priced

__all__ = ["filled"]
PRICES = parse_prices(PRICE[1::2])
LINE = "Cost: 0."
PLAIN = ("lm-studio", "koboldcpp")


def costed() -> TunedProfile:
    made = profile()
    return made.model_copy(update={"cost": priced(made, PRICES)})


@pytest.mark.parametrize("name", [name for name in TARGETS if name != "json"])
def test_it_stands_in_each_file_that_has_a_place_for_it(name: str) -> None:
    made = export([profile()], TARGETS[name], Options(), prices=PRICES)
    assert (LINE in made.text) == (name not in PLAIN)
    assert any("cost is not in the file" in note for note in made.notes) == (name in PLAIN)
    plain = export([profile()], TARGETS[name], Options())
    assert LINE not in plain.text
    assert not any("cost" in note for note in plain.notes)


@pytest.mark.parametrize("name", ["kubernetes", "llama-swap"])
def test_it_is_metadata_where_the_format_has_some(name: str) -> None:
    made = export([profile()], TARGETS[name], Options(), prices=PRICES)
    document = next(iter(yaml.safe_load_all(made.text)))
    told = cost_metadata(costed())
    assert set(told) == {
        "cost_of_a_million_input_tokens", "cost_of_a_million_output_tokens", "cost_of_a_request",
        "cost_at_prices",
    }  # fmt: skip
    if name == "kubernetes":
        annotations = document["metadata"]["annotations"]
        found = {key.removeprefix("tunesmith/"): value for key, value in annotations.items()}
    else:
        (model,) = document["models"].values()
        found = model["metadata"]
    assert told.items() <= found.items()
    assert told["cost_of_a_request"].endswith(" EUR")


def test_prices_are_written_as_they_are_read() -> None:
    assert parse_prices([price_text(PRICES)]) == PRICES
    tiny = parse_prices(["electricity=0.0000001,hardware=120000000000"])
    assert parse_prices([price_text(tiny)]) == tiny


def test_the_profile_itself_carries_amounts_to_nine_decimals_and_is_read_back() -> None:
    text = export([profile()], TARGETS["json"], Options(), prices=PRICES).text
    back = profile_of(parse_profile_file(text, "here"))
    assert back.cost is not None
    assert back.cost.prices == PRICES
    made = profile()
    whole = profile_cost(made.tuned, made.workload, PRICES, made.tuned_energy).request.total
    kept = back.cost.cost.request.total
    assert whole is not None
    assert kept is not None
    assert abs(whole - kept) < 2e-9  # of three parts, each rounded
    assert json.loads(text)["cost"]["prices"]["electricity"] == "0.30"


def test_a_profile_that_was_tuned_for_cost_is_read_back_with_its_prices() -> None:
    made = profile().model_copy(update={"objective": Objective(name="cost", prices=PRICES)})
    assert profile_of(parse_profile_file(profile_file(made).text(), "here")).objective == made.objective


@pytest.mark.parametrize(
    ("given", "said"),
    [("currency=EUR", "nothing has a price"), ("electricity=0.30", "what the machine draws")],
)
def test_a_cost_that_nobody_can_tell_is_refused(given: str, said: str, filled: CommandLine) -> None:
    done = filled.inline("export", "p-1", "--to", "systemd", "--price", given)
    assert done.code == UsageError.exit_code
    assert said in done.err
    assert "Nothing was written" in done.err
    assert not done.out


def test_it_is_shown_where_it_was_imported(filled: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    done = filled.inline("export", "p-1", "--to", "json", "--output", path, *PRICE)
    assert done.code == 0, done.err
    assert filled.inline("profiles", "delete", "p-1").code == 0
    assert filled.inline("profiles", "import", path).code == 0
    shown = filled.inline("profiles", "show", "p-1")
    assert "2.28 EUR" in shown.out.replace("\n", " ") or "2.49 EUR" in shown.out.replace("\n", " ")
    assert "0.30 EUR a kWh" in " ".join(shown.out.split())
