"""Regions: the partition of each, and settings that name another region than the stack's."""

import re

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
ARN = re.compile(r"arn:(aws[a-z-]*):[a-z0-9-]+:([a-z0-9-]*):.+")
IMAGE = re.compile(r"\d+\.dkr\.ecr\.([a-z0-9-]+)\..+")


def partition(region: str) -> tuple[str, str]:
    """Return the partition that a region is in, and its DNS suffix."""
    return next((found for prefix, found in PARTITIONS.items() if region.startswith(prefix)), ("aws", "amazonaws.com"))


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
