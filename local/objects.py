"""Results in a bucket: each object holds a line for each of several."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from local.errors import LocalRunError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

POLL_SECONDS = 0.2


class ObjectInbox:
    """A place in a bucket: each line of a new object is handed to `take`, with the moment it was found."""

    def __init__(self, s3: "S3Client", location: str, take: Callable[[str, float], None]) -> None:
        self._s3 = s3
        self._bucket, _, self._prefix = location.removeprefix("s3://").partition("/")
        self._take = take
        self._known: set[tuple[str, str]] = set()
        """Key and content hash of each object that was read: one may be put again."""

    def receive(self, *, wait_seconds: int) -> int:
        """Return how many objects were read; wait so long for the first."""
        end = time.monotonic() + wait_seconds
        while not (found := self._read_new()) and time.monotonic() < end:
            time.sleep(POLL_SECONDS)
        return found

    def drain(self) -> None:
        """Read what is there already."""
        while self._read_new():
            pass

    def _read_new(self) -> int:
        try:
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix)
            found = [(one["Key"], one["ETag"]) for page in pages for one in page.get("Contents", ())]
            new = [one for one in found if one not in self._known]
            for key, _ in new:
                content = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read().decode()
                at = time.monotonic()
                for line in content.splitlines():
                    self._take(line, at)
        except (BotoCoreError, ClientError) as error:
            raise LocalRunError(f"reading results from s3://{self._bucket}/{self._prefix} failed: {error}") from error
        self._known.update(new)
        return len(new)


def create_bucket(s3: "S3Client", location: str, region: str) -> None:
    """Create the bucket of a location, which in AWS exists. Raises LocalRunError if that fails."""
    place: Any = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    try:
        s3.create_bucket(Bucket=location.removeprefix("s3://").partition("/")[0], **place)
    except (BotoCoreError, ClientError) as error:
        raise LocalRunError(f"creating the bucket of {location} failed: {error}") from error
