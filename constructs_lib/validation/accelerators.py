"""GPUs and memory of instance types, by family and size.

GPUs: sagemaker-python-sdk, image_uri_config/instance_gpu_info.json (g4dn, g5, p3, p4d, p4de, p5); the others by the
tables of "Amazon EC2 accelerated computing instances" (docs.aws.amazon.com/ec2/latest/instancetypes/ac.html). Memory is
that of one GPU as its maker names it. Read 2026-11-26.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

ONE_TO_EIGHT = dict.fromkeys(("xlarge", "2xlarge", "4xlarge", "8xlarge", "16xlarge"), 1) | {
    "12xlarge": 4,
    "24xlarge": 4,
    "48xlarge": 8,
}
GPUS: Mapping[str, tuple[int, Mapping[str, int]]] = {
    "g4dn": (16, {**ONE_TO_EIGHT, "48xlarge": 0, "24xlarge": 0}),
    "g5": (24, ONE_TO_EIGHT),
    "g6": (24, ONE_TO_EIGHT),
    "g6e": (48, ONE_TO_EIGHT),
    "gr6": (24, {"4xlarge": 1, "8xlarge": 1}),
    "g7e": (96, {"2xlarge": 1, "4xlarge": 1, "8xlarge": 1, "12xlarge": 2, "24xlarge": 4, "48xlarge": 8}),
    "p3": (16, {"2xlarge": 1, "8xlarge": 4, "16xlarge": 8}),
    "p3dn": (32, {"24xlarge": 8}),
    "p4d": (40, {"24xlarge": 8}),
    "p4de": (80, {"24xlarge": 8}),
    "p5": (80, {"4xlarge": 1, "48xlarge": 8}),
    "p5e": (141, {"48xlarge": 8}),
    "p5en": (141, {"48xlarge": 8}),
    "p6-b200": (180, {"48xlarge": 8}),
}
"""GB of one GPU, and how many each size has, by family."""
# GiB a virtual processor of the families without a GPU: "Amazon EC2 instance types", naming and specifications.
GIB_PER_VCPU = {"c": 2, "m": 4, "r": 8, "x": 16}


class Gpus(NamedTuple):
    """The GPUs of an instance."""

    number: int
    gb: int
    """Memory of each."""


def gpus_of(instance_type: str) -> Gpus | None:
    """Return the instance type's GPUs; None if it has none, or if they are not known."""
    _, family, size = f"{instance_type}..".split(".")[:3]
    gb, counts = GPUS.get(family, (0, {}))
    count = counts.get(size, 0)
    return Gpus(count, gb) if count else None


def memory_gib(instance_type: str) -> int | None:
    """Return the memory of an instance without a GPU; None if it is not known."""
    found = re.fullmatch(r"ml\.([cmrx])\d[a-z-]*\.(?:(\d*)xlarge|large)", instance_type)
    if not found:
        return None
    vcpus = 2 if found[2] is None else 4 * int(found[2] or 1)
    return GIB_PER_VCPU[found[1]] * vcpus
