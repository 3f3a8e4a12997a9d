"""MiniStack, an embedded AWS, as a child process that is always ended with all that it started."""

import contextlib
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from botocore.exceptions import BotoCoreError, ClientError

from local.aws import Aws, Credentials
from local.certificate import write_certificate
from local.cleanup import remove_folder
from local.errors import LocalRunError

PROJECT = Path(__file__).parent.parent
# The account of the examples in AWS's documentation. An access key of 12 digits is, to MiniStack, that account's root.
ACCOUNT = "123456789012"
# Passed on to MiniStack if they are set; nothing else is, so that no credentials, profiles or proxies reach it.
INHERITED = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")
# How MiniStack reports an invocation that failed; a traceback may follow.
FAILED_INVOCATION = re.compile(r"ESM: Lambda \S+ failed .* errorMessage=(?P<message>.*)\)$")
# What it says of a process that died at work, or in its start.
DIED = ("Worker process died", "Worker process exited immediately")
# See local/gateway.py.
KILLED = re.compile(r"Killed a function's process: \d+$")
CONFIGURATION_ERROR = re.compile(r"(\S+\.ConfigurationError: |Worker init failed: )(?P<message>.*?)\)?$")


@dataclass(frozen=True)
class FailedInvocation:
    message: str
    final: bool
    """Whether no later invocation can fare better."""


class Emulator:
    """MiniStack on a free port of 127.0.0.1, by TLS, with IAM policies enforced; a context manager.

    `aws` has the rights of the account's root.
    """

    def __init__(self, *, region: str, log_file: Path, function_environment: dict[str, str]) -> None:
        """`function_environment` is what the functions' processes get besides their own variables."""
        self._log_file = log_file
        self._function_environment = function_environment
        self._folder = Path(tempfile.mkdtemp(prefix="local-run-"))
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[str] | None = None
        self._unfinished_line = ""
        self.killed = 0
        """How many of the functions' processes were killed on demand. Counted by `failures`, as is the next."""
        self.batches_cut_short = 0
        """How many invocations ended because the function's process did. When one dies in its start, MiniStack ends the
        others too.
        """
        self.region = region
        self.url = f"https://127.0.0.1:{self._listener.getsockname()[1]}"
        self.credentials = Credentials(ACCOUNT, secrets.token_hex(20))
        self.certificate = write_certificate(self._folder)
        self.aws = Aws.connect(
            url=self.url, region=region, credentials=self.credentials, authority=self.certificate.authority
        )

    def __enter__(self) -> Self:
        with self._log_file.open("wb") as log:
            number = str(self._listener.fileno())
            self._process = subprocess.Popen(
                [sys.executable, "-m", "local.gateway", number, str(self.certificate.chain), str(self.certificate.key)],
                cwd=PROJECT,
                env=self._environment(),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                pass_fds=[self._listener.fileno()],
                start_new_session=True,
            )
        self._listener.close()
        self._log = self._log_file.open(encoding="utf-8", errors="replace")
        try:
            self._wait_until_healthy()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End MiniStack and the functions' processes at once; there is nothing to save. Twice is harmless."""
        if self._process is not None:
            # Either means that the group has ended already; which one depends on the system.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.communicate()
        if self._log is not None:
            self._log.close()
        self._listener.close()
        remove_folder(self._folder)

    def require_alive(self) -> None:
        """Raise LocalRunError if MiniStack has ended by itself."""
        if self._process is not None and (status := self._process.poll()) is not None:
            raise LocalRunError(f"MiniStack ended with status {status}; its log is {self._log_file}")

    def kill_function(self, choice: int) -> None:
        """Have one of the functions' processes killed at work; the number picks which. At once, if one is at work."""
        assert self._process is not None
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # see require_alive
            self._process.stdin.write(f"{choice}\n".encode())
            self._process.stdin.flush()

    def failures(self) -> Iterator[FailedInvocation]:
        """Yield what failed invocations said since the last call."""
        assert self._log is not None
        *lines, self._unfinished_line = (self._unfinished_line + self._log.read()).split("\n")
        for line in lines:
            if KILLED.search(line):
                self.killed += 1
            elif found := CONFIGURATION_ERROR.search(line):
                yield FailedInvocation(found["message"], final=True)
            elif found := FAILED_INVOCATION.search(line):
                self.batches_cut_short += found["message"].startswith(DIED)
                yield FailedInvocation(found["message"], final=False)

    def _environment(self) -> dict[str, str]:
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        folder = str(self._folder)
        return {
            **inherited,
            "AUTH": "true",
            "AWS_ACCESS_KEY_ID": ACCOUNT,
            "AWS_SECRET_ACCESS_KEY": self.credentials.secret,
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "MINISTACK_REGION": self.region,
            "MINISTACK_HOST": "127.0.0.1",
            "GATEWAY_PORT": self.url.rpartition(":")[2],
            "USE_SSL": "true",
            "MINISTACK_SSL_CERT": str(self.certificate.chain),
            "MINISTACK_SSL_KEY": str(self.certificate.key),
            "LAMBDA_EXECUTOR": "local",
            # No listeners of other services, no containers, and nothing outside of this run's own folder.
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
            "DOCKER_HOST": f"unix://{folder}/no-docker.sock",
            "PERSIST_STATE": "0",
            "STATE_DIR": f"{folder}/state",
            "S3_DATA_DIR": f"{folder}/s3",
            "TMPDIR": folder,
            "HOME": folder,
            # For the functions' processes, which inherit all this.
            "AWS_CA_BUNDLE": str(self.certificate.authority),
            "AWS_EC2_METADATA_DISABLED": "true",
            **self._function_environment,
        }

    def _wait_until_healthy(self) -> None:
        """The socket is open already: the first call is answered as soon as MiniStack is up."""
        try:
            self.aws.sts.get_caller_identity()
        except (BotoCoreError, ClientError) as error:
            self.require_alive()
            raise LocalRunError(f"MiniStack did not start: {error}; its log is {self._log_file}") from error
