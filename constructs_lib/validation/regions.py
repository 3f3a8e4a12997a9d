"""Regions: the partition of each, and settings that name another region than the stack's."""

import re

from constructs_lib.settings.base import did_you_mean
from constructs_lib.validation.references import is_unresolved

# How a region's name begins: its partition, and what the names of services end in there (the SDKs' partitions.json).
PARTITIONS = {
    "cn-": ("aws-cn", "amazonaws.com.cn"),
    "eu-isoe-": ("aws-iso-e", "cloud.adc-e.uk"),
    "eusc-": ("aws-eusc", "amazonaws.eu"),
    "us-gov-": ("aws-us-gov", "amazonaws.com"),
    "us-iso-": ("aws-iso", "c2s.ic.gov"),
    "us-isob-": ("aws-iso-b", "sc2s.sgov.gov"),
    "us-isof-": ("aws-iso-f", "csp.hci.ic.gov"),
}
# Regions that the SDKs know (partitions.json of botocore 1.43.106); one that opens later is none of them yet.
REGIONS = (
    *("af-south-1", "ap-east-1", "ap-east-2", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1"),
    *("ap-south-2", "ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5"),
    *("ap-southeast-6", "ap-southeast-7", "ca-central-1", "ca-west-1", "cn-north-1", "cn-northwest-1", "eu-central-1"),
    *(
        "eu-central-2",
        "eu-isoe-west-1",
        "eu-north-1",
        "eu-south-1",
        "eu-south-2",
        "eu-west-1",
        "eu-west-2",
        "eu-west-3",
    ),
    *("eusc-de-east-1", "il-central-1", "me-central-1", "me-south-1", "mx-central-1", "sa-east-1", "us-east-1"),
    *("us-east-2", "us-gov-east-1", "us-gov-west-1", "us-iso-east-1", "us-iso-west-1", "us-isob-east-1"),
    *("us-isob-west-1", "us-isof-east-1", "us-isof-south-1", "us-west-1", "us-west-2"),
)
ARN = re.compile(r"arn:(aws[a-z-]*):[a-z0-9-]+:([a-z0-9-]*):.+")
IMAGE = re.compile(r"\d+\.dkr\.ecr\.([a-z0-9-]+)\..+")


def partition(region: str) -> tuple[str, str]:
    """Return the partition that a region is in, and its DNS suffix."""
    return next((found for prefix, found in PARTITIONS.items() if region.startswith(prefix)), ("aws", "amazonaws.com"))


def unknown_region(region: str) -> str | None:
    """Return what may be wrong with a region that AWS's SDKs did not know when the library was made; None if they did.

    Of one that is a Terraform reference nothing is known.
    """
    if is_unresolved(region) or region in REGIONS:
        return None
    return f"the stack's region is {region}: AWS's SDKs know none of this name{did_you_mean(region, REGIONS)}"


def misplaced(value: str, region: str, *, anywhere: bool = False) -> tuple[str, str] | None:
    """Return bound and reason if text is an ARN or image URI that a stack of the region can't use.

    With `anywhere` another region of the partition will do. Of an ARN with a Terraform reference in place of the region
    nothing is known.
    """
    own, (home, _) = "", partition(region)
    if arn := ARN.fullmatch(value):
        own = arn[2]
        if arn[1] != home:
            return f"an ARN of partition {home}", f"{region} is in it"
    elif image := IMAGE.fullmatch(value):
        own = image[1]
    if own in ("", region) or anywhere:
        return None
    return f"of the stack's region, {region}", "services use what is in their own"
