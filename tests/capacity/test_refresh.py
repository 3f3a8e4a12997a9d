"""make prices, against answers of the Price List API as its model has them; nothing was tried with an account."""

import json
from pathlib import Path
from typing import Any

from constructs_lib.validation.instances import TABLE as INSTANCES

import boto3
import pytest
from botocore.exceptions import NoCredentialsError
from botocore.stub import ANY, Stubber

from capacity.prices import TABLE, read_table
from capacity.refresh import RULES, refresh
from local.errors import LocalRunError, UsageError

REGION = "eu-central-1"


def _product(usd: str, **attributes: str) -> str:
    tiers = {
        "free": {"beginRange": "0", "pricePerUnit": {"USD": "0.0000000000"}},
        "first": {"beginRange": "1000", "pricePerUnit": {"USD": usd}},
        "more": {"beginRange": "1000000", "pricePerUnit": {"USD": "0.0000000001"}},
    }
    return json.dumps({"product": {"attributes": attributes}, "terms": {"OnDemand": {"t": {"priceDimensions": tiers}}}})


@pytest.fixture
def tables(tmp_path: Path) -> tuple[Path, Path]:
    own, instances = tmp_path / "prices.toml", tmp_path / "instances.txt"
    own.write_text(TABLE.read_text())
    instances.write_text(INSTANCES.read_text())
    return own, instances


def _client() -> Any:
    return boto3.client("pricing", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="s")


def test_each_price_is_renewed_and_what_is_not_clear_stays(tables: tuple[Path, Path]) -> None:
    client = _client()
    with Stubber(client) as stub:
        for part, rule in RULES.items():
            usage = f"EUC1-{rule.usage_type}"
            answer = [_product("0.0000005", usagetype=usage), _product("9", usagetype=f"{usage}-Other")]
            if part == "s3-gets":  # two prices for what seems one thing
                answer.append(_product("0.0000007", usagetype=usage))
            stub.add_response("get_products", {"PriceList": answer}, {"ServiceCode": rule.service, "Filters": ANY})
        hosting = [_product("0.25", component="Hosting", instanceName="ml.c5.xlarge")]
        stub.add_response("get_products", {"PriceList": hosting}, {"ServiceCode": "AmazonSageMaker", "Filters": ANY})
        said = list(refresh(client, [REGION], *tables))
        stub.assert_no_pending_responses()
    found, before = read_table(tables[0]), read_table(TABLE)
    assert found["sqs-standard"][REGION]["usd"] == 0.5
    assert found["sqs-standard"]["us-east-1"] == before["sqs-standard"]["us-east-1"]
    assert found["s3-gets"][REGION] == before["s3-gets"][REGION]
    assert said[0] == f"s3-gets in {REGION}: not in the API's answer, or twice; it stays as it was"
    assert f"region {REGION}\nc5 xlarge=0.25\nregion eu-central-2\n" in tables[1].read_text()
    assert tables[0].read_text().splitlines()[:4] == TABLE.read_text().splitlines()[:4]


def test_nothing_is_written_when_the_api_fails(tables: tuple[Path, Path]) -> None:
    client, before = _client(), [table.read_text() for table in tables]
    with Stubber(client) as stub:
        stub.add_client_error("get_products", "AccessDeniedException", "not authorized")
        with pytest.raises(LocalRunError) as raised:
            list(refresh(client, [REGION], *tables))
    assert str(raised.value) == (
        "the Price List API: An error occurred (AccessDeniedException) when calling the GetProducts operation: "
        "not authorized"
    )
    assert [table.read_text() for table in tables] == before


def test_a_region_that_there_is_none_of_is_named(tables: tuple[Path, Path]) -> None:
    with pytest.raises(UsageError) as raised:
        list(refresh(_client(), ["mars-1"], *tables))
    assert str(raised.value) == ("--regions mars-1: not a region with SageMaker's instances in the price list")


def test_missing_credentials_are_said(tables: tuple[Path, Path]) -> None:
    class Client:
        def get_paginator(self, _: str) -> Any:
            raise NoCredentialsError

    with pytest.raises(UsageError) as raised:
        list(refresh(Client(), [REGION], *tables))
    assert str(raised.value) == (
        "no AWS credentials were found: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    )
