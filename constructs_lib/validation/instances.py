"""Instance types: where each is sold and for how much, and what follows from the name of a family.

The table beside this file is written by `tools/instance_table.py` from the AWS Price List; it is read when it is first
asked for.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path

TABLE = Path(__file__).with_name("instances.txt")
SIZES = ("nano", "micro", "small", "medium", "large", "xlarge")
# Families with local NVMe storage besides those with a `d` after the generation (Amazon EC2 guide, "Instance store
# volumes", read 2026-11-26).
NVME_FAMILIES = (
    *("g4ad", "g4dn", "g5", "g6", "g6e", "g7", "g7e", "gr6"),
    *("p3dn", "p4d", "p4de", "p5", "p5e", "p5en", "p6-b200", "p6-b300", "p6e-gb200"),
    *("dl1", "trn1", "trn1n", "trn2"),
)
GPU, INFERENTIA = ("g", "p"), ("inf", "trn", "dl")


@dataclass(frozen=True)
class PriceList:
    """USD an hour of real-time hosting, on demand, by region and instance type."""

    date: str
    usd: Mapping[str, Mapping[str, float]]

    @property
    def everywhere(self) -> frozenset[str]:
        """Every instance type that is sold in some region."""
        return frozenset(instance_type for prices in self.usd.values() for instance_type in prices)


@cache
def price_list() -> PriceList:
    """Return the list as the table has it."""
    date, usd, region = "", dict[str, dict[str, float]](), ""
    for line in TABLE.read_text(encoding="ascii").splitlines():
        first, *rest = line.split(" ")
        if first == "date":
            date = rest[0]
        elif first == "region":
            region = rest[0]
            usd[region] = {}
        elif first != "#":
            sizes = (entry.split("=") for entry in rest)
            usd[region].update({f"ml.{first}.{size}": float(price) for size, price in sizes})
    return PriceList(date, usd)


def not_listed(instance_type: str, region: str) -> str | None:
    """Return what the price list says of an instance type that it does not have in the region; None if it has it.

    Of a region that is not in the list nothing is known.
    """
    prices = price_list()
    if region not in prices.usd or instance_type in prices.usd[region]:
        return None
    if instance_type in prices.everywhere:
        alike = _alike(instance_type, region)
        return f"AWS's price list of {prices.date} does not have it in {region}; like it are {alike}"
    (meant, *_) = [*get_close_matches(instance_type, sorted(prices.everywhere), n=1, cutoff=0.8), ""]
    said = f"AWS's price list of {prices.date} has it in no region"
    if not meant:
        return f"{said}; in {region} the nearest are {_alike(instance_type, region)}"
    elsewhere = f" In {region} there are {_alike(meant, region)}" if meant not in prices.usd[region] else ""
    return f"{said}; did you mean {meant}?{elsewhere}"


def _alike(instance_type: str, region: str) -> str:
    return ", ".join(similar(instance_type, region))


def similar(instance_type: str, region: str, count: int = 3) -> list[str]:
    """Return the instance types of a region that are most like one: in kind, processor, size, generation, price."""
    prices = price_list()
    price = _price_anywhere(instance_type)
    kind, generation, attributes, size = _parts(instance_type)

    def distance(candidate: str) -> tuple[float, ...]:
        other_kind, other_generation, other_attributes, other_size = _parts(candidate)
        return (
            kind != other_kind,
            is_graviton(instance_type) != is_graviton(candidate),
            abs(size - other_size),
            attributes != other_attributes,
            abs(generation - other_generation),
            abs(prices.usd[region][candidate] - price) if price else 0,
        )

    return sorted(prices.usd[region], key=lambda candidate: (distance(candidate), candidate))[:count]


def _price_anywhere(instance_type: str) -> float:
    """Return the lowest price of any region; 0 if there is none."""
    return min((prices[instance_type] for prices in price_list().usd.values() if instance_type in prices), default=0.0)


def _parts(instance_type: str) -> tuple[str, int, str, float]:
    """Return letter, generation, what follows it, and a rank of the size."""
    _, family, size = f"{instance_type}..".split(".")[:3]
    match = re.match(r"([a-z]+)(\d*)(.*)", family)
    letters, generation, attributes = match.groups() if match else ("", "", "")
    times = re.fullmatch(r"(\d+)xlarge", size)
    rank = len(SIZES) - 1 + int(times[1]).bit_length() - 1 if times else SIZES.index(size) if size in SIZES else 4
    return letters, int(generation or 0), attributes, rank


def has_nvme(instance_type: str) -> bool:
    """Whether instances of the type have local storage, which their hardware encrypts and no customer key."""
    letters, _, attributes, _ = _parts(instance_type)
    family = instance_type.split(".")[1]
    return family in NVME_FAMILIES or (letters in ("c", "m", "r", "x") and "d" in attributes)


def is_graviton(instance_type: str) -> bool:
    """Whether the processor is AWS's own, for which images must be built for arm64."""
    letters, _, attributes, _ = _parts(instance_type)
    return letters in ("c", "m", "r", "t", "x") and attributes.startswith("g")


def accelerator(instance_type: str) -> str | None:
    """Return what an instance computes on besides its processor: a GPU, or a chip of AWS or Intel for models."""
    letters = _parts(instance_type)[0]
    return "a GPU" if letters in GPU else "an accelerator" if letters in INFERENTIA else None
