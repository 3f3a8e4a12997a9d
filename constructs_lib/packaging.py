"""What is shipped, reproducibly: the same files give the same hash everywhere."""

import ast
import gzip
import hashlib
import io
import os
import tarfile
import tempfile
import tokenize
import zipfile
from collections.abc import Iterator
from pathlib import Path

import handler

HANDLER_PACKAGE = Path(handler.__file__).parent
BUILD_FOLDER = HANDLER_PACKAGE.parent / ".build" / "function"
BUNDLE = Path(__file__).parent / "bundle" / "inference.py"
BUNDLE_FOLDER = HANDLER_PACKAGE.parent / ".build" / "bundle"
EARLIEST_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
READABLE_BY_ALL = 0o100644 << 16


def package_handler(package: Path = HANDLER_PACKAGE, build_folder: Path = BUILD_FOLDER) -> tuple[Path, str]:
    """Zip the package's Python files, under the package's name; return the zip's path and the content's SHA-256.

    TerraformAsset's own archiving would hash caches, ignore renames, zip the checkout's times and modes, and calls
    `node` through a shell, which fails where Node is not on the PATH or the path has a space. So the asset is this
    file: entries in order, with fixed times and modes. The hash covers each relative path and its bytes. What is said
    to readers and to checkers stays behind: a good quarter of the zip, which each cold start would fetch and compile.
    Taking it out is most of the work, so the zip that sources become is remembered.
    """
    sources = {path.relative_to(package.parent).as_posix(): path.read_bytes() for path in package.rglob("*.py")}
    made_by = {Path(__file__).name: Path(__file__).read_bytes()}
    remembered = build_folder / f"of-{_digest(sources | made_by)[:16]}"
    if remembered.is_file():
        digest = remembered.read_text()
        target = _target(package, build_folder, digest)
        if target.is_file():
            return target, digest
    files = {name: without_words(source.decode()).encode() for name, source in sources.items()}
    digest = _digest(files)
    target = _target(package, build_folder, digest)
    target.parent.mkdir(parents=True, exist_ok=True)
    _write_zip(target, files)
    _write(remembered, digest.encode())
    return target, digest


def _digest(files: dict[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _target(package: Path, build_folder: Path, digest: str) -> Path:
    return build_folder / digest[:16] / f"{package.name}.zip"


def package_bundle(script: Path = BUNDLE, build_folder: Path = BUNDLE_FOLDER) -> tuple[Path, str]:
    """Put the script that loads a model into a SageMaker model archive; return its path and the content's SHA-256."""
    name, content = f"code/{script.name}", script.read_bytes()
    digest = hashlib.sha256(f"{name}\0".encode() + content).hexdigest()
    target = build_folder / digest[:16] / "model.tar.gz"
    if not target.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        _write_archive(target, name, content)
    return target, digest


def without_words(source: str) -> str:
    """Return the module as the interpreter needs it: without docstrings, comments, and what annotates functions.

    Each statement stays on its line, so that tracebacks fit. Of a class, annotations stay: its fields are made of them.
    """
    tree = ast.parse(source)
    lines = source.encode().splitlines()  # ast counts bytes
    for line, start, end in sorted(_annotations(tree), reverse=True):
        lines[line] = lines[line][:start] + lines[line][end:]
    for first, last, column, left in _docstrings(tree):
        lines[first:last] = [(lines[first][:column] + left).rstrip(), *[b""] * (last - first - 1)]
    text = [line.decode() for line in lines]
    for token in tokenize.generate_tokens(io.StringIO("\n".join(text) + "\n").readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            text[row - 1] = text[row - 1][:column].rstrip()
    return "\n".join(text) + "\n"


def _docstrings(tree: ast.Module) -> Iterator[tuple[int, int, int, bytes]]:
    """Yield first line, the line after the last, column, and what must stand there instead."""
    for parent in ast.walk(tree):
        body = parent.body if isinstance(parent, ast.Module | ast.ClassDef | ast.FunctionDef) else []
        texts = [node for node in body if _is_text(node)]
        for node in texts:
            # A body needs a statement.
            left = b"..." if len(texts) == len(body) and node is texts[0] else b""
            yield node.lineno - 1, node.end_lineno or node.lineno, node.col_offset, left


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _annotations(tree: ast.Module) -> Iterator[tuple[int, int, int]]:
    """Yield line, start and end of what annotates parameters, returned values, and variables that get a value."""
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
        parameters = function.args
        for parameter in ast.walk(parameters):
            if isinstance(parameter, ast.arg) and parameter.annotation:
                yield _span(parameter.col_offset + len(parameter.arg.encode()), parameter.annotation)
        if function.returns:
            yield _span(function.returns.col_offset - len(" -> "), function.returns)
        for node in _inside(function):
            if isinstance(node, ast.AnnAssign) and node.value:
                yield _span(node.target.end_col_offset or 0, node.annotation)


def _inside(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what is in a function, but not in functions and classes inside it."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.ClassDef):
            yield child
            yield from _inside(child)


def _span(start: int, annotation: ast.expr) -> tuple[int, int, int]:
    return annotation.lineno - 1, start, annotation.end_col_offset or 0


def _write_zip(target: Path, files: dict[str, bytes]) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name, EARLIEST_ZIP_TIME)
            entry.external_attr = READABLE_BY_ALL
            entry.create_system = 3  # Unix, on every system, so that the mode counts
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED, compresslevel=9)
    _write(target, stream.getvalue())


def _write_archive(target: Path, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)  # its owner, mode and time are the same everywhere
    entry.size = len(content)
    stream = io.BytesIO()
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=stream, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        archive.addfile(entry, io.BytesIO(content))
    _write(target, stream.getvalue())


def _write(target: Path, content: bytes) -> None:
    """Write at once, so that two processes can make the same file."""
    descriptor, temporary = tempfile.mkstemp(dir=target.parent)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
    Path(temporary).replace(target)
