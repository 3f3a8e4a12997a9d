"""MiniStack in a process of its own, serving TLS on a socket that is open already, until its parent goes away.

MiniStack's own command would choose its port itself and, where it may, also take port 443.

Arguments: number of the listening socket, certificate file, key file. Standard input is a pipe whose other end the
parent holds: it closes even if the parent is killed.
"""

import asyncio
import os
import signal
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, cast

from hypercorn.asyncio import serve
from hypercorn.config import Config
from ministack.app import app
from ministack.core import iam_actions

from local.cleanup import remove_folder

# "You cannot set permissions explicitly for SendMessageBatch, DeleteMessageBatch, or ChangeMessageVisibilityBatch.
# Instead, setting permissions for SendMessage, DeleteMessage, or ChangeMessageVisibility sets permissions for the
# corresponding batch versions" (SQS Developer Guide, Amazon SQS batch actions). MiniStack asks for the batch's name.
BATCH_ACTIONS = {
    f"sqs:{name}Batch": f"sqs:{name}" for name in ("SendMessage", "DeleteMessage", "ChangeMessageVisibility")
}


def main() -> None:
    socket_number, certificate, key = sys.argv[1:]
    _authorize_batches_as_aws_does()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    config = Config()
    config.bind = [f"fd://{socket_number}"]
    config.certfile, config.keyfile = certificate, key
    config.keep_alive_timeout = 600
    asyncio.run(serve(cast("Any", app), config))


def _authorize_batches_as_aws_does() -> None:
    extract_iam_action = iam_actions.extract_iam_action

    def corrected(*arguments: Any) -> str | None:
        action: str | None = extract_iam_action(*arguments)
        return BATCH_ACTIONS.get(action or "", action)

    iam_actions.extract_iam_action = corrected


def _end_with_parent() -> None:
    """Wait until the parent's end of the pipe closes, then end this process and the functions it runs."""
    sys.stdin.buffer.read()
    remove_folder(Path(tempfile.gettempdir()))  # the run's own, see the emulator
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
