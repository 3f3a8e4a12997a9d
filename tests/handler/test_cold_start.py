import os
import subprocess
import sys
from pathlib import Path

import pytest

from handler.settings import HandlerSettings

ROOT = Path(__file__).parents[2]
REPORT = "import gc, handler.{}; print(gc.isenabled(), gc.get_freeze_count() > 10_000)"
SETTINGS = {
    **HandlerSettings(
        endpoint_name="scorer",
        result_target="http://127.0.0.1:1/123456789012/results",
        dead_letter_queue_url="http://127.0.0.1:1/123456789012/dead",
        queue_url="http://127.0.0.1:1/123456789012/work",
    ).to_environment(),
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
}


@pytest.mark.parametrize("entry", ["index", "notify"])
@pytest.mark.parametrize(
    ("sandbox", "report"),
    [({"AWS_LAMBDA_FUNCTION_NAME": "scorer"}, "True True"), ({}, "True False")],
    ids=["on Lambda", "elsewhere"],
)
def test_on_lambda_all_objects_of_the_init_phase_are_excluded_from_garbage_collection(
    entry: str, sandbox: dict[str, str], report: str
) -> None:
    variables = {name: value for name, value in os.environ.items() if name != "AWS_LAMBDA_FUNCTION_NAME"}
    done = subprocess.run(
        [sys.executable, "-c", REPORT.format(entry)],
        cwd=ROOT,
        env={**variables, **SETTINGS, **sandbox},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout.strip(), done.stderr) == (report, "")
