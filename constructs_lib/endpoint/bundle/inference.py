"""Load a gated or private model of the Hugging Face Hub, with the token that AWS Secrets Manager keeps.

AWS's Hugging Face container calls `model_fn` when it starts, and does everything else itself (see the package
sagemaker-huggingface-inference-toolkit). The token stays within this process: it is in no environment variable.
"""

import os
from typing import Any

import boto3
import torch
from transformers import pipeline


def model_fn(model_dir: str, context: Any = None) -> Any:
    """Return the pipeline; `model_dir` holds this file alone. Raises whatever stands in the way: the container stops.

    `context` is the model server's; toolkits of old images give none.
    """
    del model_dir
    secret = os.environ["HUB_TOKEN_SECRET_ARN"]
    client = boto3.client("secretsmanager", region_name=secret.split(":")[3])
    token = client.get_secret_value(SecretId=secret)["SecretString"].strip()
    return pipeline(
        task=os.environ["HF_TASK"],
        model=os.environ["HUB_MODEL_ID"],
        revision=os.environ.get("HUB_MODEL_REVISION"),
        token=token,
        device=_device(context),
        # as AWS's own loading reads it
        trust_remote_code=os.environ.get("HF_TRUST_REMOTE_CODE", "").lower() in {"y", "yes", "t", "true", "on", "1"},
    )


def _device(context: Any) -> int:
    """Return the GPU that the model server keeps for this worker; -1, the CPU, where there is none."""
    if not torch.cuda.is_available():
        return -1
    return int((context.system_properties.get("gpu_id") if context else None) or 0)
