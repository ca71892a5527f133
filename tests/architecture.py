"""The rules of the house as functions from modules to faults; `tests/test_architecture.py` holds the code to them.

A fault is one line of text that begins with `path:line`. Modules are read with `ast` and never imported, so the
functions work on sources in memory as well, which is how it is shown that each of them can find something.
"""

import ast
import functools
import graphlib
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

__all__ = [
    "Import",
    "Module",
    "find_circles",
    "find_hidden_imports",
    "find_impurities",
    "find_long_files",
    "find_long_functions",
    "find_strange_libraries",
    "find_undocumented",
    "find_upward_imports",
    "imports_of",
    "read_package",
]

PACKAGE = "gateway"

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, repr=False)
class Module:
    """One file: its dotted name, where it is shown to be, and what stands in it."""

    name: str
    path: str
    source: str

    @functools.cached_property
    def tree(self) -> ast.Module:
        """The parsed source."""
        return ast.parse(self.source, self.path)

    @property
    def area(self) -> str:
        """The package or single file below the root that it belongs to; the root itself is `__init__`."""
        return self.name.split(".")[1] if "." in self.name else "__init__"


class Import(NamedTuple):
    """One module that another one names, `line` in the file of the latter."""

    line: int
    target: str


def read_package(root: Path) -> list[Module]:
    """Every module below a package's folder, the package itself first."""
    modules = []
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        modules.append(Module(name, str(path.relative_to(root.parent)), path.read_text("utf-8")))
    return modules


def imports_of(module: Module, known: Iterable[str] = ()) -> Iterator[Import]:
    """Every import of a module, wherever it stands; `from a import b` is `a.b` where that is one of the known."""
    names = frozenset(known)
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (Import(node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield Import(node.lineno, inner if inner in names else base)


def find_upward_imports(modules: Sequence[Module], floors: Mapping[str, float]) -> Iterator[str]:
    """Imports of a floor that is not below, from outside the own package; and modules without a floor."""
    known = {module.name: module for module in modules}
    for module in modules:
        if module.area not in floors:
            yield f"{module.path}:1: {module.area} has no floor"
            continue
        for line, target in imports_of(module, known):
            if target.startswith("."):
                yield f"{module.path}:{line}: a relative import hides its floor"
            elif target.split(".")[0] == PACKAGE and not _may_import(module, known.get(target), floors):
                yield f"{module.path}:{line}: {module.area} may not import {target}, which is not below it"


def _may_import(module: Module, target: Module | None, floors: Mapping[str, float]) -> bool:
    if target is None:
        return False
    return target.area == module.area or floors.get(target.area, sys.maxsize) < floors[module.area]


def find_hidden_imports(modules: Iterable[Module]) -> Iterator[str]:
    """Imports inside functions, imports by name of a string, and `TYPE_CHECKING`: ways around the floors."""
    for module in modules:
        for node in ast.walk(module.tree):
            if isinstance(node, FunctionNode):
                inner = (each for each in ast.walk(node) if isinstance(each, ast.Import | ast.ImportFrom))
                yield from (f"{module.path}:{each.lineno}: an import inside {node.name}" for each in inner)
            elif _name(node) in {"TYPE_CHECKING", "import_module", "__import__"}:
                yield f"{module.path}:{_line(node)}: {_name(node)}"


def find_circles(modules: Sequence[Module]) -> Iterator[str]:
    """The first circle of modules that import each other."""
    known = {module.name: module for module in modules}
    graph = {
        module.name: {each.target: each.line for each in imports_of(module, known) if each.target in known}
        for module in modules
    }
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        circle: list[str] = error.args[1]
        # The sorter lists each module before the one that imports it.
        line = graph[circle[1]][circle[0]]
        yield f"{known[circle[1]].path}:{line}: a circle: {' ← '.join(circle)}"


def find_strange_libraries(modules: Iterable[Module], homes: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Libraries outside the files that may know them; `homes` maps a dotted name to paths, empty for everywhere."""
    for module in modules:
        for line, target in _libraries_of(module):
            names = [name for name in homes if target == name or target.startswith(f"{name}.")]
            home = homes[max(names, key=len)] if names else None
            if home is None and target.split(".")[0] not in sys.stdlib_module_names:
                yield f"{module.path}:{line}: nobody decided which file may know {target}"
            elif home and module.path not in home:
                yield f"{module.path}:{line}: {target} is known to {' and '.join(home)} only"


def _libraries_of(module: Module) -> Iterator[Import]:
    """Libraries that a module imports, with `library.part` where a part is named, be it only when it is used."""
    nodes = list(ast.walk(module.tree))
    imported = {
        alias.asname or alias.name: alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names
    }
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (Import(node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (Import(node.lineno, f"{node.module}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Attribute) and (library := imported.get(_name(node.value) or "")):
            yield Import(node.lineno, f"{library}.{node.attr}")


def find_impurities(
    modules: Iterable[Module], middle: Sequence[str], allowed: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    """What the middle may not know: libraries beyond the allowed, clocks, files.

    Args:
        modules: all; those that are, or lie in, one of the `middle` are looked at.
        middle: dotted names.
        allowed: module of the standard library or other library → the names that may be imported, empty for all.
    """
    for module in modules:
        if not any(module.name == name or module.name.startswith(f"{name}.") for name in middle):
            continue
        for node in ast.walk(module.tree):
            yield from (f"{module.path}:{line}: {text}" for line, text in _impurities(node, allowed))


def _impurities(node: ast.AST, allowed: Mapping[str, Sequence[str]]) -> Iterator[tuple[int, str]]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            if alias.name.split(".")[0] != PACKAGE and allowed.get(alias.name, ("",)):
                yield node.lineno, f"imports {alias.name}"
    elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] != PACKAGE:
        for alias in node.names:
            names = allowed.get(node.module or "")
            if names is None or (names and alias.name not in names):
                yield node.lineno, f"imports {node.module}.{alias.name}"
    elif isinstance(node, ast.Attribute) and node.attr in {"now", "utcnow", "today"}:
        if _name(node.value) in {"datetime", "date"}:
            yield node.lineno, f"reads a clock: {_name(node.value)}.{node.attr}"
    elif isinstance(node, ast.Call) and _name(node.func) in {"open", "print", "input"}:
        yield node.lineno, f"calls {_name(node.func)}"


def find_undocumented(modules: Iterable[Module]) -> Iterator[str]:
    """Modules without a docstring, or with code and without `__all__`, or whose `__all__` names what is not there."""
    for module in modules:
        body = module.tree.body
        if ast.get_docstring(module.tree) is None:
            yield f"{module.path}:1: no docstring"
        names = _public_names(body)
        if names is None and len(body) > 1 and not module.name.endswith("__main__"):
            yield f"{module.path}:1: no __all__"
        defined = {name for node in body for name in _defined(node)}
        yield from (f"{module.path}:1: __all__ names {name}, which is not there" for name in (names or set()) - defined)


def _public_names(body: Iterable[ast.stmt]) -> set[str] | None:
    for node in body:
        if isinstance(node, ast.Assign) and [_name(target) for target in node.targets] == ["__all__"]:
            return set(ast.literal_eval(node.value))
    return None


def _defined(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, FunctionNode | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Import | ast.ImportFrom):
        yield from (alias.asname or alias.name for alias in node.names)
    else:
        yield from (each.id for each in ast.walk(node) if isinstance(each, ast.Name))


def find_long_functions(modules: Iterable[Module], most: int) -> Iterator[str]:
    """Functions of more lines, from `def` to the last one."""
    for module in modules:
        for node in ast.walk(module.tree):
            if isinstance(node, FunctionNode) and (lines := (node.end_lineno or 0) - node.lineno + 1) > most:
                yield f"{module.path}:{node.lineno}: {node.name} has {lines} lines"


def find_long_files(modules: Iterable[Module], most: int, exceptions: Sequence[str] = ()) -> Iterator[str]:
    """Files of more lines."""
    for module in modules:
        lines = module.source.count("\n")
        if lines > most and module.path not in exceptions:
            yield f"{module.path}:{lines}: the file has {lines} lines"


def _name(node: ast.AST) -> str | None:
    """The last word of a name, an attribute or an imported name."""
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.alias):
        return node.name
    return node.id if isinstance(node, ast.Name) else None


def _line(node: ast.AST) -> int:
    return int(getattr(node, "lineno", 0))
