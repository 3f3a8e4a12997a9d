"""The example with pictures on the embedded AWS, policies enforced: upload, notification, queue, endpoint, result."""

import json
import struct
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from local.control_plane import ControlPlane, Durations
from local.deploy import Deployment
from local.emulator import ACCOUNT, Emulator
from local.synthesis import synthesize
from local.template import Template
from tests.handler.aws import Answer, Request, serve

BUCKET = "shop-pictures"
COLOURS = {"red": (255, 0, 0), "blue": (0, 0, 255)}
SECONDS = 60


def png(colour: str, width: int = 4, height: int = 3) -> bytes:
    """Return a picture of one colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    row = b"\0" + bytes(COLOURS[colour]) * width
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"".join(
        [b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(row * height)), chunk(b"IEND", b"")]
    )


def classify(request: Request) -> Answer:
    """Answer as a container does that reads pictures."""
    start = request.body.find(b"IDAT")
    if request.content_type != "image/png" or start < 0:
        return Answer(status=400, error="ValidationError", body=b'{"message": "no picture"}')
    size = struct.unpack(">I", request.body[start - 4 : start])[0]
    pixel = tuple(zlib.decompress(request.body[start + 4 : start + 4 + size])[1:4])
    (label,) = [name for name, colour in COLOURS.items() if colour == pixel]
    return Answer(body=json.dumps([{"label": label, "score": 1.0}]).encode())


class Shop:
    """The example's stack, with its bucket."""

    def __init__(self, emulator: Emulator, deployment: Deployment) -> None:
        self.sqs = emulator.aws.sqs
        self.s3: Any = boto3.client(
            "s3",
            endpoint_url=emulator.url,
            region_name=emulator.region,
            verify=str(emulator.certificate.authority),
            aws_access_key_id=emulator.credentials.access_key,
            aws_secret_access_key=emulator.credentials.secret,
            config=Config(proxies={}),
        )
        blocks = deployment.template.of_type("aws_sqs_queue")
        self.queues = {
            deployment.attributes[block.address]["name"]: deployment.attributes[block.address] for block in blocks
        }

    def notify(self) -> None:
        """Let the bucket send its notifications, as the example's text says."""
        self.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        rules = [{"Name": "prefix", "Value": "uploads/"}]
        queue = {
            "QueueArn": self.queues["pictures-labels-work"]["arn"],
            "Events": ["s3:ObjectCreated:*"],
            "Filter": {"Key": {"FilterRules": rules}},
        }
        self.s3.put_bucket_notification_configuration(
            Bucket=BUCKET, NotificationConfiguration={"QueueConfigurations": [queue]}
        )

    def put(self, key: str, content: bytes, **more: str) -> None:
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=content, **more)

    def wait_until_worked_off(self) -> None:
        """Wait until nothing is left in the work queue."""
        names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        url, until = self.queues["pictures-labels-work"]["url"], time.monotonic() + SECONDS
        while True:
            counts: Any = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
            if all(int(counts[name]) == 0 for name in names):
                return
            assert time.monotonic() < until, counts
            time.sleep(0.2)

    def received(self, name: str, count: int, seconds: float = SECONDS) -> list[dict[str, Any]]:
        """Return messages of a queue, once there are so many, or after so many seconds."""
        found: list[dict[str, Any]] = []
        until = time.monotonic() + seconds
        while len(found) < count and time.monotonic() < until:
            answer = self.sqs.receive_message(
                QueueUrl=self.queues[name]["url"],
                MaxNumberOfMessages=10,
                WaitTimeSeconds=1,
                MessageAttributeNames=["All"],
            )
            found += [dict(message) for message in answer.get("Messages", [])]
        return found


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    endpoint, server = serve()
    endpoint.endpoint = classify
    template = Template.load(synthesize("examples.images_from_s3", None, tmp_path / "synthesized"))
    try:
        with (
            ControlPlane(
                account=ACCOUNT, region=template.region, durations=Durations(creating=0.1, role_known=0)
            ) as plane,
            Emulator(
                region=template.region,
                log_file=tmp_path / "log",
                function_environment={"AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": endpoint.url},
                control_url=plane.url,
            ) as emulator,
        ):
            deployment = Deployment(template, emulator.aws)
            deployment.create()
            yield Shop(emulator, deployment)
    finally:
        server.shutdown()
        server.server_close()


def test_an_uploaded_picture_is_classified_and_its_result_names_the_key(shop: Shop) -> None:
    shop.notify()
    shop.put("uploads/red cat+1 (日本).png", png("red"), ContentType="image/png")
    shop.put("uploads/blue.png", png("blue"), ContentType="image/png")
    shop.put("elsewhere/blue.png", png("blue"), ContentType="image/png")
    shop.put("uploads/folder/", b"")
    results = [json.loads(message["Body"]) for message in shop.received("pictures-labels-results", 2)]
    labels = {result["data"]["inputLocation"]: result["data"]["result"] for result in results}
    assert labels == {
        f"s3://{BUCKET}/uploads/red cat+1 (日本).png": [{"label": "red", "score": 1.0}],
        f"s3://{BUCKET}/uploads/blue.png": [{"label": "blue", "score": 1.0}],
    }
    # The test event that S3 sent first is no dead letter; an empty object is.
    shop.wait_until_worked_off()
    (letter,) = shop.received("pictures-labels-work-dlq", 2, seconds=3)
    assert letter["MessageAttributes"]["detail"]["StringValue"] == "the body must not be empty"
