"""Write the table of instance types from a file of prices: `python -m tools.instance_table PRICES.json YYYY-MM-DD`.

PRICES.json maps regions to instance types to USD an hour of real-time hosting, on demand, as the AWS Price List has
them (service AmazonSageMaker, component Hosting); the date is the day that it was read.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from constructs_lib.validation.instances import TABLE
from constructs_lib.validation.limits import REGION_PATTERN

HEAD = """\
# Instance types of SageMaker real-time hosting, by region and family: USD an hour, on demand.
# Source: AWS Price List. Written by tools/instance_table.py; not to be changed by hand.
"""
# Accelerators that were attached to instances: no variant runs on them.
NO_INSTANCES = ("eia1", "eia2")


def table(prices: Mapping[str, Mapping[str, float]], date: str) -> str:
    """Return the table's text. Local zones, in which no stack is deployed, are left out."""
    regions = (
        line
        for region in sorted(prices)
        if re.fullmatch(REGION_PATTERN, region)
        for line in _region(region, prices[region])
    )
    return HEAD + "\n".join([f"date {date}", *regions]) + "\n"


def _region(region: str, prices: Mapping[str, float]) -> Iterator[str]:
    families: dict[str, list[tuple[float, str]]] = {}
    for instance_type, price in prices.items():
        _, family, size = instance_type.split(".")
        if family not in NO_INSTANCES:
            families.setdefault(family, []).append((price, size))
    yield f"region {region}"
    for family in sorted(families):
        yield " ".join([family, *(f"{size}={price}" for price, size in sorted(families[family]))])


def main() -> None:
    path, date = sys.argv[1:]
    TABLE.write_text(table(json.loads(Path(path).read_text()), date))


if __name__ == "__main__":
    main()
