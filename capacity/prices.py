"""Prices by part and region, each with its day and its source; what is not known has none."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from constructs_lib.validation.instances import price_list

from local.errors import UsageError

TABLE = Path(__file__).with_name("prices.toml")
INSTANCE = "instance"
FIELDS = {"usd", "as_of", "source"}


@dataclass(frozen=True)
class Price:
    """A unit's price."""

    usd: float
    unit: str
    as_of: str
    source: str


@dataclass(frozen=True)
class Prices:
    """Unit prices of a region."""

    region: str
    table: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def load(cls, region: str, file: Path | None = None) -> Self:
        """Read the table, and a file whose figures come first. Raises UsageError if the file can't be read."""
        table = read_table(TABLE)
        if file is not None:
            for part, own in read_table(file).items():
                if part not in table and not part.startswith(f"{INSTANCE} "):
                    raise UsageError(f"{file}: there is no price {part!r}, but there are: {', '.join(table)}")
                table[part] = {**table.get(part, {"unit": "an hour"}), **own}
        return cls(region, table)

    def get(self, part: str) -> Price | None:
        """Return the price of a part in the region; None if it is not known."""
        entry = self.table.get(part, {}).get(self.region)
        return Price(entry["usd"], self.table[part]["unit"], entry["as_of"], entry["source"]) if entry else None

    def instance(self, instance_type: str) -> Price | None:
        """Return the price of an hour of an instance; None if it is not known, or not sold there."""
        if own := self.get(f"{INSTANCE} {instance_type}"):
            return own
        listed = price_list()
        usd = listed.usd.get(self.region, {}).get(instance_type)
        source = "AWS Price List, AmazonSageMaker, component Hosting"
        return None if usd is None else Price(usd, "an hour", listed.date, source)

    def cheapest_instance(self) -> tuple[str, Price] | None:
        """Return the cheapest instance that is sold in the region and can be scaled, so none of ml.t*."""
        sold = price_list().usd.get(self.region, {})
        known = {name: usd for name, usd in sold.items() if not name.startswith("ml.t")}
        name = min(known, key=lambda one: (known[one], one), default=None)
        price = self.instance(name) if name else None
        return (name, price) if name and price else None


def read_table(path: Path) -> dict[str, dict[str, Any]]:
    """Return the prices of a file by part and region. Raises UsageError if it can't be read, or lacks something."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"--prices {path}: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"--prices {path} is not TOML: {error}") from error
    for part, entries in table.items():
        if not isinstance(entries, dict):
            raise UsageError(f"--prices {path}: {part} must be a table of regions, as in capacity/prices.toml")
        for region, entry in entries.items():
            if region != "unit":
                _require_entry(path, part, region, entry)
    return table


def _require_entry(path: Path, part: str, region: str, entry: Any) -> None:
    where = f"--prices {path}: {part}.{region}"
    if not isinstance(entry, dict) or not entry.keys() >= FIELDS:
        raise UsageError(f"{where} must have usd, as_of and source")
    usd = entry["usd"]
    if isinstance(usd, bool) or not isinstance(usd, (int, float)) or not 0 <= usd < 1e6:
        raise UsageError(f"{where}: usd = {usd!r} must be a number of at least 0")
