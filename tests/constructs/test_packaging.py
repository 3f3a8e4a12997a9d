"""The function's zip is the same from every machine."""

import base64
import hashlib
import os
import zipfile
from pathlib import Path

from constructs_lib.function.packaging import package_handler
from constructs_lib.settings.handler import HANDLER_PACKAGE

from tests.constructs.synthesized import Synthesized

# A bound on what each cold start fetches. What a deployment does not use (chats, identities, other sinks) is in the zip
# and is not imported, so the bound is on the size and not on the time; that has a benchmark of its own.
MAX_ZIP_BYTES = 104 * 1024


def _package(folder: Path, files: dict[str, str]) -> Path:
    package = folder / "handler"
    for name, text in files.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text)
    return package


def test_two_clones_give_the_same_bytes(tmp_path: Path) -> None:
    files = {"__init__.py": "", "index.py": "a = 1\n", "inner/more.py": "b = 2\n"}
    here, there = _package(tmp_path / "here", files), _package(tmp_path / "a far away place", files)
    for path in there.rglob("*"):
        path.chmod(0o700)
        os.utime(path, (1_000_000_000, 1_000_000_000))
    (there / "__pycache__").mkdir()
    (there / "__pycache__" / "index.cpython-311.pyc").write_bytes(b"cache")

    first, first_hash = package_handler(tmp_path / "build-1", here)
    second, second_hash = package_handler(tmp_path / "build-2", there)
    assert first.read_bytes() == second.read_bytes()
    assert first_hash == second_hash
    with zipfile.ZipFile(second) as archive:
        assert archive.namelist() == ["handler/__init__.py", "handler/index.py", "handler/inner/more.py"]
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {info.external_attr >> 16 for info in archive.infolist()} == {0o100644}


def test_a_rename_changes_the_hash(tmp_path: Path) -> None:
    _, before = package_handler(tmp_path / "build", _package(tmp_path / "1", {"a.py": "x = 1\n"}))
    _, after = package_handler(tmp_path / "build", _package(tmp_path / "2", {"b.py": "x = 1\n"}))
    assert before != after


def test_the_zip_is_small_and_the_function_knows_its_content(smallest: Synthesized, tmp_path: Path) -> None:
    archive, content_hash = package_handler(tmp_path)
    assert archive.stat().st_size <= MAX_ZIP_BYTES
    function = smallest.one("aws_lambda_function")
    assert base64.b64decode(function["source_code_hash"]).hex() == content_hash
    assert len(content_hash) == hashlib.sha256().digest_size * 2
    assert function["filename"].endswith(f"/{content_hash[:32]}/handler.zip")


def test_the_zip_holds_the_sources_as_they_stand(tmp_path: Path) -> None:
    archive, _ = package_handler(tmp_path)
    with zipfile.ZipFile(archive) as zipped:
        content = {name: zipped.read(name) for name in zipped.namelist()}
    assert content == {
        path.relative_to(HANDLER_PACKAGE.parent).as_posix(): path.read_bytes() for path in HANDLER_PACKAGE.rglob("*.py")
    }


def test_changed_sources_and_a_lost_zip_are_zipped_anew(tmp_path: Path) -> None:
    package = _package(tmp_path, {"__init__.py": "A = 1\n"})
    target, digest = package_handler(tmp_path / "build", package)
    target.unlink()
    assert package_handler(tmp_path / "build", package) == (target, digest)
    assert target.is_file()
    (package / "__init__.py").write_text("A = 2\n")
    changed, other = package_handler(tmp_path / "build", package)
    assert other != digest
    assert zipfile.ZipFile(changed).read("handler/__init__.py") == b"A = 2\n"
