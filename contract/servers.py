"""Model servers that are installed and run."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Server:
    """A model server from PyPI. Its script in contract/apps makes a small model and becomes the server."""

    name: str
    """Name of its environment, of its requirements file, and of its script."""
    title: str
    package: str
    """The package whose version is stated."""
    probe: str
    """Path that answers 200 when the server is ready."""
    download_mib: int
    disk_mib: int
    ready_seconds: float = 180
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables that the server needs."""


SERVERS = (Server("mlflow", "MLflow scoring server", "mlflow", "/ping", download_mib=270, disk_mib=850),)
