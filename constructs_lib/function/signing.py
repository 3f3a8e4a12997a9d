"""Code signed by AWS Signer, for functions whose code signing configuration demands it."""

from constructs_lib.settings import CodeSigning

from cdktf import TerraformResourceLifecycle
from cdktf_cdktf_provider_aws.s3_object import (
    S3Object,
    S3ObjectOverrideProvider,
    S3ObjectOverrideProviderDefaultTags,
)
from cdktf_cdktf_provider_aws.signer_signing_job import (
    SignerSigningJob,
    SignerSigningJobDestination,
    SignerSigningJobDestinationS3,
    SignerSigningJobSource,
    SignerSigningJobSourceS3,
)
from constructs import Construct


class SignedCode(Construct):
    """A zip put to a bucket of yours and signed there; `bucket` and `key` are where the signed one is.

    Signing jobs can't be changed or deleted: new code gets a new object and a new job.
    """

    def __init__(
        self, scope: Construct, id_: str, *, name: str, settings: CodeSigning, archive: str, content_hash: str
    ) -> None:
        """`name` is the function's."""
        super().__init__(scope, id_)
        bucket, _, prefix = settings.location.removeprefix("s3://").partition("/")
        unsigned = S3Object(
            self,
            "unsigned",
            bucket=bucket,
            # Of this function alone: other functions have the same code, and delete theirs with themselves.
            key=f"{prefix}unsigned/{name}/{content_hash[:16]}.zip",
            source=archive,
            # An object takes ten tags only, and the bucket is not of this stack.
            override_provider=S3ObjectOverrideProvider(default_tags=S3ObjectOverrideProviderDefaultTags(tags={})),
            # The version, of a changed object, is what is signed.
            lifecycle=TerraformResourceLifecycle(create_before_destroy=True),
        )
        job = SignerSigningJob(
            self,
            "job",
            profile_name=settings.profile_name,
            source=SignerSigningJobSource(
                s3=SignerSigningJobSourceS3(bucket=unsigned.bucket, key=unsigned.key, version=unsigned.version_id)
            ),
            destination=SignerSigningJobDestination(
                s3=SignerSigningJobDestinationS3(bucket=bucket, prefix=f"{prefix}signed/")
            ),
            lifecycle=TerraformResourceLifecycle(create_before_destroy=True),
        )
        signed = job.signed_object.get(0).s3.get(0)
        self.bucket, self.key = signed.bucket, signed.key
