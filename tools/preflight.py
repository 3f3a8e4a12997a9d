"""Requirements of `make diff`, `deploy` and `destroy`: credentials, a stack of that name, its state and its provider.

`python -m tools.preflight STACK` synthesizes the app into cdktf.out and has Terraform initialize the stack there. What
is missing is told in one line, where cdktf-cli would end in a stack trace.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import botocore.session
from botocore.exceptions import BotoCoreError

STACKS = Path("cdktf.out/stacks")
MANIFEST = Path("cdktf.out/manifest.json")
# cdktf-cli, which runs next, prints the warnings of the stacks that it finds there; an app with this leaves them to it.
RUN_BY_CLI = {"CDKTF_CONTINUE_SYNTH_ON_ERROR_ANNOTATIONS": "true"}
# Terraform without colours: a headline, an empty line, a paragraph.
ERROR = re.compile(r"^Error: (.+?)\n\s*\n(.+?)(?:\n\s*\n|\Z)", re.MULTILINE | re.DOTALL)


def main(stack: str) -> str | None:
    """Return what is missing, in one line; None if all is there."""
    return credentials_problem() or synthesis_problem(stack) or terraform_problem(STACKS / stack)


def credentials_problem() -> str | None:
    """Terraform's provider looks where the AWS SDKs do: environment, profiles, single sign-on, the machine's role."""
    try:
        credentials = botocore.session.get_session().get_credentials()
        if credentials is not None:
            credentials.get_frozen_credentials()
            return None
    except BotoCoreError as error:
        return f"AWS credentials can't be used: {_one_line(str(error))}"
    return "no AWS credentials were found: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"


def synthesis_problem(stack: str) -> str | None:
    """Have the app write its stacks, as cdktf-cli does; it says itself what is wrong in them."""
    command = [sys.executable, "-m", "constructs_lib", os.environ.get("APP", "main")]
    app = subprocess.run(command, env={**os.environ, **RUN_BY_CLI}, stdout=subprocess.DEVNULL, check=False)
    if app.returncode:
        return "the stacks could not be synthesized; the reason is above"
    # Not the folders: one may be left of another app.
    names = sorted(json.loads(MANIFEST.read_bytes())["stacks"])
    if stack not in names:
        return f"there is no stack {stack}; STACK is one of {', '.join(names)}"
    return None


def terraform_problem(folder: Path) -> str | None:
    """Fetch the provider and open the state."""
    terraform = os.environ.get("TERRAFORM_BINARY_NAME") or "terraform"
    if not (folder / ".terraform/providers").exists():
        sys.stderr.write("Terraform fetches its AWS provider (some 150 MB)\n")
    command = [terraform, f"-chdir={folder}", "init", "-input=false", "-no-color"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    return None if run.returncode == 0 else f"terraform init: {first_error(run.stderr or run.stdout)}"


def first_error(output: str) -> str:
    """Return the first error of Terraform's: its headline, and the paragraph below."""
    found = ERROR.search(output)
    return f"{_one_line(found[1])}: {_one_line(found[2])}" if found else _one_line(output)


def _one_line(text: str) -> str:
    return " ".join(text.split())


if __name__ == "__main__":
    problem = main(sys.argv[1])
    sys.exit(f"make: {problem}" if problem else 0)
