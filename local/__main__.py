"""The command behind `make demo`: `python -m local`."""

import sys
from collections.abc import Sequence
from pathlib import Path

from local.command import Parser, execute
from local.options import Options


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    return execute(parse, arguments)


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Return the options of the command line. Raises UsageError."""
    description = "Run the synthesized stack on an embedded AWS, with a real model behind the endpoint."
    parser = Parser(description, Options())
    add = parser.add_argument
    add(
        "--app",
        metavar="MODULE",
        help="the module that defines the stacks, for instance examples.fifo_per_group (%(default)s)",
    )
    add("--stack", metavar="NAME", help="the stack to run (the only one, or dev)")
    add("--pipeline", metavar="NAME", help="the pipeline to run, if the stack has several")
    add("--layer", type=Path, metavar="PATH", help="a layer of yours with a codec: a folder with python/, or its zip")
    add("--model", type=Path, metavar="FILE", help="a Python file that answers requests in place of the local model: "
        "answer(body: bytes, content_type: str) -> tuple[bytes, str]")  # fmt: skip
    add("--template", type=Path, metavar="FILE", help="a cdk.tf.json to run instead of synthesizing the stack")
    add("--keep", action="store_true", help="leave everything running at the end, until Ctrl-C")
    return Options(**vars(parser.parse_args(arguments)))


if __name__ == "__main__":
    sys.exit(main())
