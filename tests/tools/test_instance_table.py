"""The table of instance types is written from a file of prices, and read as it was written."""

from pathlib import Path

from constructs_lib.validation import instances

import pytest

from tools.instance_table import table

PRICES = {
    "eu-central-1": {"ml.c5.xlarge": 0.233, "ml.c5.large": 0.116, "ml.g5.xlarge": 1.761, "ml.eia2.medium": 0.2},
    "us-east-1": {"ml.c7i.large": 0.1071234},
    "us-east-1-atl-1": {"ml.g4dn.2xlarge": 1.2},
}
TABLE = """\
# Instance types of SageMaker real-time hosting, by region and family: USD an hour, on demand.
# Source: AWS Price List. Written by tools/instance_table.py; not to be changed by hand.
date 2027-01-31
region eu-central-1
c5 large=0.116 xlarge=0.233
g5 xlarge=1.761
region us-east-1
c7i large=0.1071234
"""


def test_a_line_is_a_family_with_its_sizes() -> None:
    assert table(PRICES, "2027-01-31") == TABLE


def test_it_is_read_as_it_was_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "instances.txt"
    path.write_text(TABLE)
    monkeypatch.setattr(instances, "TABLE", path)
    instances.price_list.cache_clear()
    try:
        found = instances.price_list()
        assert found.date == "2027-01-31"
        assert found.usd == {
            "eu-central-1": {"ml.c5.large": 0.116, "ml.c5.xlarge": 0.233, "ml.g5.xlarge": 1.761},
            "us-east-1": {"ml.c7i.large": 0.1071234},
        }
        assert instances.similar("ml.c7i.large", "eu-central-1") == ["ml.c5.large", "ml.c5.xlarge", "ml.g5.xlarge"]
    finally:
        instances.price_list.cache_clear()


def test_the_table_at_hand_names_its_day_and_has_prices() -> None:
    found = instances.price_list()
    assert found.date == "2026-05-20"
    assert found.usd["eu-central-1"]["ml.c5.xlarge"] == pytest.approx(0.233, abs=0.02)
    assert len(found.usd) == 36
    assert all(price > 0 for prices in found.usd.values() for price in prices.values())
