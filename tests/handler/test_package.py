"""The package as it is installed."""

import shutil
import subprocess
import sys
from pathlib import Path

import handler


def test_the_package_works_under_another_name(tmp_path: Path) -> None:
    shutil.copytree(Path(handler.__file__).parent, tmp_path / "renamed", ignore=shutil.ignore_patterns("__pycache__"))
    modules = ", ".join(
        "renamed." + ".".join(path.relative_to(tmp_path / "renamed").with_suffix("").parts)
        for path in sorted((tmp_path / "renamed").rglob("*.py"))
        if path.name != "__init__.py"
    )
    report = "import sys; print([name for name in sys.modules if name.split('.')[0] == 'handler'])"
    done = subprocess.run(
        [sys.executable, "-c", f"import {modules}; {report}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
