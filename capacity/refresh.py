"""The command behind `make prices`: unit prices and hours of instances anew, from the AWS Price List API.

It needs credentials with `pricing:GetProducts`. What the API does not give, or gives twice with different prices, stays
as it was and is said.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from constructs_lib.validation.instances import TABLE as INSTANCE_TABLE
from constructs_lib.validation.instances import price_list

import boto3
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from capacity.prices import TABLE, read_table
from local.command import guarded
from local.errors import LocalRunError, UsageError
from tools.instance_table import table as instance_table

# The Price List API is in few regions, and each has the prices of all.
API_REGION = "us-east-1"


class Rule(NamedTuple):
    """The product of a part: its service and its usage type, which a region's code may stand before."""

    service: str
    usage_type: str
    units: float = 1.0
    """Units of the API in one of the table's, for instance a million."""


RULES = {
    "lambda-requests": Rule("AWSLambda", "Request", 1e6),
    "lambda-gb-seconds-arm": Rule("AWSLambda", "Lambda-GB-Second-ARM"),
    "lambda-gb-seconds-x86": Rule("AWSLambda", "Lambda-GB-Second"),
    "lambda-provisioned-gb-seconds-arm": Rule("AWSLambda", "Lambda-Provisioned-Concurrency-ARM"),
    "sqs-standard": Rule("AWSQueueService", "Requests-Tier1", 1e6),
    "sqs-fifo": Rule("AWSQueueService", "Requests-FIFO-Tier1", 1e6),
    "sns-publishes": Rule("AmazonSNS", "Requests-Tier1", 1e6),
    "eventbridge-events": Rule("AWSEvents", "Event-64K-Chunks", 1e6),
    "logs-gb": Rule("AmazonCloudWatch", "DataProcessing-Bytes"),
    "custom-metrics": Rule("AmazonCloudWatch", "CW:MetricMonitorUsage"),
    "alarm-metrics": Rule("AmazonCloudWatch", "CW:AlarmMonitorUsage"),
    "dashboards": Rule("AmazonCloudWatch", "DashboardsUsageHour-Basic"),
    "xray-traces": Rule("AWSXRay", "XRay-TracesStored", 1e6),
    "kms-requests": Rule("awskms", "KMS-Requests", 1e6),
    "s3-puts": Rule("AmazonS3", "Requests-Tier1", 1e6),
    "s3-gets": Rule("AmazonS3", "Requests-Tier2", 1e6),
    "dynamodb-writes": Rule("AmazonDynamoDB", "WriteRequestUnits", 1e6),
    "serverless-gb-seconds": Rule("AmazonSageMaker", "ServerlessInf:Mem-1GB"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status: 0 written, 1 the API failed, 2 wrong usage."""
    parser = argparse.ArgumentParser(prog="make prices", description="Renew the prices from the AWS Price List API.")
    parser.add_argument("--regions", nargs="+", metavar="REGION", help="by default every region that has instances")

    def run() -> int:
        client = boto3.client("pricing", region_name=API_REGION)
        for line in refresh(client, parser.parse_args(arguments).regions):
            print(line, flush=True)
        return 0

    return guarded(run)


def refresh(
    client: Any, regions: Sequence[str] | None, table: Path = TABLE, own: Path = INSTANCE_TABLE
) -> Iterator[str]:
    """Write both tables; yield what stayed as it was.

    Nothing is written unless all answers are there. Raises UsageError for a region that there is none of, or without
    credentials; LocalRunError if the API fails.
    """
    known = price_list().usd
    if unknown := sorted(set(regions or ()) - known.keys()):
        raise UsageError(f"--regions {' '.join(unknown)}: not a region with SageMaker's instances in the price list")
    today = datetime.now(UTC).date().isoformat()
    content, instances = read_table(table), {region: dict(prices) for region, prices in known.items()}
    kept: list[str] = []
    for region in regions or sorted(known):
        for part, rule in RULES.items():
            usd = _usd(client, rule, region)
            if usd is None:
                kept.append(f"{part} in {region}: not in the API's answer, or twice; it stays as it was")
                continue
            source = f"AWS Price List, {rule.service}, usage type {rule.usage_type}"
            content[part][region] = {"usd": round(usd * rule.units, 10), "as_of": today, "source": source}
        if hours := _instance_hours(client, region):
            instances[region] = hours
        else:
            kept.append(f"instances in {region}: not in the API's answer; they stay as they were")
    table.write_text(_as_toml(table.read_text(encoding="utf-8"), content), encoding="utf-8")
    own.write_text(instance_table(instances, today), encoding="ascii")
    yield from kept
    yield f"{table.name} and {own.name} are of {today}"


def _usd(client: Any, rule: Rule, region: str) -> float | None:
    usage_type = re.compile(rf"([A-Z0-9]+-|{re.escape(region)}-)?{re.escape(rule.usage_type)}")
    found = {
        price
        for product in _products(client, rule.service, regionCode=region, usagetype=rule.usage_type)
        if usage_type.fullmatch(product["product"]["attributes"].get("usagetype", ""))
        and (price := _first_tier(product)) is not None
    }
    return found.pop() if len(found) == 1 else None


def _instance_hours(client: Any, region: str) -> dict[str, float]:
    hours: dict[str, float] = {}
    for product in _products(client, "AmazonSageMaker", regionCode=region, component="Hosting"):
        name = product["product"]["attributes"].get("instanceName", "").removesuffix("-Hosting")
        if name.startswith("ml.") and (price := _first_tier(product)):
            hours[name] = price
    return hours


def _products(client: Any, service: str, **attributes: str) -> Iterator[Mapping[str, Any]]:
    filters = [
        {"Type": "CONTAINS" if name == "usagetype" else "TERM_MATCH", "Field": name, "Value": value}
        for name, value in attributes.items()
    ]
    try:
        for page in client.get_paginator("get_products").paginate(ServiceCode=service, Filters=filters):
            yield from map(json.loads, page["PriceList"])
    except NoCredentialsError as error:
        raise UsageError(
            "no AWS credentials were found: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        ) from error
    except (BotoCoreError, ClientError) as error:
        raise LocalRunError(f"the Price List API: {error}") from error


def _first_tier(product: Mapping[str, Any]) -> float | None:
    """Return USD a unit on demand, of the first units of a month that are not free."""
    for term in product.get("terms", {}).get("OnDemand", {}).values():
        tiers = sorted(term["priceDimensions"].values(), key=lambda tier: float(tier.get("beginRange", 0)))
        for tier in tiers:
            if usd := float(tier["pricePerUnit"].get("USD", 0)):
                return usd
    return None


def _as_toml(old: str, content: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the table's text, under the comment that the old one begins with."""
    head = old[: old.index("\n[") + 1]
    return head + "\n".join(_section(part, entries) for part, entries in content.items())


def _section(part: str, entries: Mapping[str, Any]) -> str:
    rows = [f"[{part}]", f"unit = {json.dumps(entries['unit'])}"]
    for region in sorted(entries.keys() - {"unit"}):
        entry = entries[region]
        usd, as_of, source = entry["usd"], json.dumps(entry["as_of"]), json.dumps(entry["source"])
        number = f"{usd:.10f}".rstrip("0")
        rows.append(
            f"{region} = {{ usd = {number}{'0' if number.endswith('.') else ''}, as_of = {as_of}, source = {source} }}"
        )
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    sys.exit(main())
