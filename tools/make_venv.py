"""Make a virtual environment with pip in it: `python3 tools/make_venv.py FOLDER`."""

import subprocess
import sys

MINIMUM = (3, 11)


def main(folder: str) -> None:
    if sys.version_info < MINIMUM:
        found = ".".join(map(str, sys.version_info[:3]))
        sys.exit(f"make: Python 3.11 or newer is needed, {sys.executable} is {found}; set PYTHON=/path/to/python3.11")
    if (
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], capture_output=True, check=False).returncode
        == 0
    ):
        return
    # Debian's python3 without python3-venv can make an environment, but has no pip to put in it; its own can do that.
    subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", folder], check=True)
    install = [sys.executable, "-m", "pip", "--python", f"{folder}/bin/python", "install", "--quiet", "pip"]
    if subprocess.run(install, check=False).returncode != 0:
        sys.exit(f"make: {sys.executable} has neither ensurepip nor pip; install your system's python3-venv package")


if __name__ == "__main__":
    main(sys.argv[1])
