"""MiniStack, an embedded AWS, as a child process that is always ended with all processes that it started."""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from botocore.exceptions import BotoCoreError, ClientError

from local.aws import Aws, Credentials
from local.certificate import write_certificate
from local.cleanup import remove_folder
from local.emulator_log import EmulatorLog
from local.errors import LocalRunError
from local.output import explained, require_room

PROJECT = Path(__file__).parent.parent
# The account of the examples in AWS's documentation. MiniStack takes an access key of 12 digits for the root user of
# the account with that number.
ACCOUNT = "123456789012"
# Variables that MiniStack gets, if they are set. Others do not reach it, so no credentials, profiles or proxies do.
INHERITED = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")


class Emulator:
    """MiniStack on a free port of 127.0.0.1, by TLS, with IAM policies enforced; a context manager.

    `aws` has the rights of the account's root.
    """

    def __init__(
        self, *, region: str, log_file: Path, function_environment: dict[str, str], control_url: str = ""
    ) -> None:
        """`function_environment` is given to the functions' processes besides their own variables; `control_url` is
        that of the control plane, for `aws`.
        """
        self.region = region
        self.credentials = Credentials(ACCOUNT, secrets.token_hex(20))
        self._log_file = log_file
        self._function_environment = function_environment
        self._control_url = control_url
        # Its name is known before it exists, so that it is removed whenever the run is interrupted.
        with explained(Path("the folder for temporary files")):
            self._folder = Path(tempfile.gettempdir()) / f"local-run-{secrets.token_hex(8)}"
        self._cleanup = contextlib.ExitStack()
        self._has_ended = False

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self._cleanup = stack
            stack.callback(remove_folder, self._folder)
            self._listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=512))
            self.url = f"https://127.0.0.1:{self._listener.getsockname()[1]}"
            with explained(self._folder):
                self._folder.mkdir(mode=0o700)
                require_room(self._folder)
                self.certificate = write_certificate(self._folder)
            self.aws = Aws.connect(
                url=self.url,
                region=self.region,
                credentials=self.credentials,
                authority=self.certificate.authority,
                control_url=self._control_url,
            )
            self._start(stack)
            self._wait_until_healthy()
            self._cleanup = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End MiniStack and the functions' processes at once: there is nothing to save."""
        self._cleanup.close()

    def require_alive(self) -> None:
        """Raise LocalRunError if MiniStack has ended by itself."""
        if self._process.poll() is not None:
            self._end_group()
            raise LocalRunError(f"MiniStack ended with status {self._process.returncode}; its log is {self._log_file}")

    def role_age(self, arn: str) -> float | None:
        """Return how many seconds ago the role was created, None if there is none of this ARN."""
        try:
            role = self.aws.iam.get_role(RoleName=arn.rpartition("/")[2])["Role"]
        except ClientError:
            return None
        return time.time() - role["CreateDate"].timestamp() if role["Arn"] == arn else None

    def kill_function(self, choice: int) -> None:
        """Have one of the functions' processes killed at work; the number picks one. At once, if one is at work."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # see require_alive
            self._process.stdin.write(f"{choice}\n".encode())
            self._process.stdin.flush()

    def _start(self, stack: contextlib.ExitStack) -> None:
        with explained(self._log_file):
            self._log_file.write_bytes(b"")
            # Each line is appended: it stays whole whatever else is done to the file.
            output = stack.enter_context(self._log_file.open("ab"))
            self.log = EmulatorLog(self._log_file)
        stack.callback(self.log.close)
        number = str(self._listener.fileno())
        self._process = subprocess.Popen(
            [sys.executable, "-m", "local.gateway", number, str(self.certificate.chain), str(self.certificate.key)],
            cwd=PROJECT,
            env=self._environment(),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            pass_fds=[self._listener.fileno()],
            start_new_session=True,
        )
        stack.callback(self._end)
        self._listener.close()
        output.close()

    def _end(self) -> None:
        self._end_group()
        self._process.communicate()

    def _end_group(self) -> None:
        """End MiniStack's process group, once: later its number may be another's."""
        if not self._has_ended:
            self._has_ended = True
            # Either error means that the group has ended already; which one depends on the system.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

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
            "BIND_HOST": "127.0.0.1",
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
