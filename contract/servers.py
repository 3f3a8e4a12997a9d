"""Model servers that are installed and run."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Server:
    """A model server from PyPI. Its script in contract/apps makes a small model and becomes the server."""

    name: str
    """Name of its environment, of its requirements file, and of its script."""
    title: str
    package: str
    """The package whose version is stated."""
    download_mib: int
    """About; with the CPU build of torch, where there is torch."""
    disk_mib: int
    probe: str = "/ping"
    """Path that answers 200 when the server is ready."""
    ready_seconds: float = 180


SERVERS = (
    Server("mlflow", "MLflow scoring server", "mlflow", download_mib=270, disk_mib=790),
    Server(
        "huggingface",
        "Hugging Face inference toolkit",
        "sagemaker-huggingface-inference-toolkit",
        download_mib=450,
        disk_mib=1610,
    ),
    Server(
        "transformers",
        "transformers serve (OpenAI's Chat Completions API)",
        "transformers",
        download_mib=300,
        disk_mib=1200,
        probe="/health",
    ),
    Server("mlserver", "MLServer", "mlserver", download_mib=150, disk_mib=490, probe="/v2/health/ready"),
    Server("torchserve", "TorchServe, SageMaker's PyTorch handler", "torchserve", download_mib=330, disk_mib=1200),
    Server("fastapi", "FastAPI, an app of one's own", "fastapi", download_mib=8, disk_mib=40),
    Server("litserve", "LitServe", "litserve", download_mib=15, disk_mib=60),
    Server("ray", "Ray Serve", "ray", download_mib=110, disk_mib=460),
    Server("bentoml", "BentoML", "bentoml", download_mib=45, disk_mib=160, probe="/readyz"),
)
