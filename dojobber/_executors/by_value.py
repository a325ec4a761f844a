"""Pickles classes and functions of the script itself by value, for workers that lack them.

Owns which names of `__main__` a worker has, and how other classes and functions are rebuilt: those
below the main guard, in a cell of a notebook, or in `-c`.
"""

from __future__ import annotations

import ast
import dis
import importlib
import io
import marshal
import pickle
import sys
from collections.abc import Iterator
from multiprocessing.reduction import ForkingPickler
from threading import RLock
from types import CellType, CodeType, FunctionType, ModuleType
from typing import Any

from dojobber._executors.pickling import (
    PackedClass,
    content_of,
    is_importable,
    is_tied,
    pack_shallow,
    reduce_wrapper,
    unpack_class,
    update_class,
)

#: Must follow a pickle by another pickler, so that `loads_by_value` can read it.
NOTHING_UNFILLED = pickle.dumps(None)
# A worker process may have several threads, as Dask's do. While one thread uses a class, another
# must not give it functions that are still empty.
_loading = RLock()
_updates: list[tuple[type, dict[str, Any]]] = []


def names_of_main() -> set[str] | None:
    """Return the names of `__main__` in a worker that imports it; None means all of them.

    They are those that are bound outside of the main guard only.
    """
    main = sys.modules['__main__']
    path = getattr(main, '__file__', None)
    if path is None:
        return set()
    try:
        with open(path, 'rb') as file:
            tree = ast.parse(file.read())
    except (OSError, SyntaxError, ValueError):  # it is compiled, or in an archive
        return None
    bound = set(_bound(tree, in_guard=False))
    return {name for name, _ in bound if (name, True) not in bound}


def _bound(tree: ast.AST, in_guard: bool) -> Iterator[tuple[str, bool]]:
    """Yield the names that are bound, and whether that may be done in the main guard."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name, in_guard
            for each in ast.walk(node):
                if isinstance(each, ast.Global):
                    yield from ((name, True) for name in each.names)
        elif isinstance(node, ast.If) and _is_guard(node.test):
            yield from _bound(ast.Module(node.body, []), in_guard=True)
            yield from _bound(ast.Module(node.orelse, []), in_guard)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, in_guard
        elif isinstance(node, ast.alias):
            yield (node.asname or node.name).partition('.')[0], in_guard
        else:
            yield from _bound(node, in_guard)


def _is_guard(test: ast.expr) -> bool:
    return any(isinstance(each, ast.Name) and each.id == '__name__' for each in ast.walk(test))


class ByValuePickler(ForkingPickler):
    """Pickles classes and functions by value where the worker can't find them by name."""

    def __init__(self, file: io.BytesIO, names: set[str] | None) -> None:
        """Begin to write.

        Args:
            file: gets the pickle.
            names: as by `names_of_main`.
        """
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._names = names
        self._unfilled: list[FunctionType] = []

    def dump_all(self, value: object, job_class: type) -> None:
        """Pickle the bases of a class, then a value: the class is rebuilt from complete bases."""
        metaclass: type = type(job_class)
        bases = [*metaclass.__mro__[::-1], *job_class.__mro__[::-1]]
        for each in (*[each for each in bases if not self.is_found(each)], value):
            self.dump(each)
            while self._unfilled:
                functions, self._unfilled = self._unfilled, []
                self.dump([(each, self._contents(each)) for each in functions])
            self.dump(None)

    def reducer_override(self, obj: Any) -> Any:
        """Reduce what a worker can't find by name."""
        kind = type(obj)
        if kind is FunctionType:
            return NotImplemented if self.is_found(obj) else self._function(obj)
        if isinstance(obj, type):
            if self.is_found(obj) or self._is_tied_elsewhere(obj):
                return NotImplemented
            is_global = '.' not in obj.__qualname__ and is_importable(obj)
            return _make_class, (pack_shallow(obj, obj.__bases__), is_global)
        if kind is ModuleType:
            return importlib.import_module, (obj.__name__,)
        return reduce_wrapper(obj) or NotImplemented

    def is_found(self, obj: Any) -> bool:
        if obj.__module__ != '__main__':
            return isinstance(obj, FunctionType) or is_importable(obj)
        top = obj.__qualname__.partition('.')[0]
        return is_importable(obj) and (self._names is None or top in self._names)

    def _is_tied_elsewhere(self, obj: type) -> bool:
        """Return whether this class is of another module, and a function refers to it."""
        own = vars(obj).values()
        return obj.__module__ != '__main__' and any(is_tied(each, obj) for each in own)

    def _function(self, function: FunctionType) -> Any:
        self._unfilled.append(function)
        code = marshal.dumps(function.__code__)
        cells = len(function.__closure__ or ())
        return _make_function, (code, function.__module__, function.__qualname__, cells)

    def _contents(self, function: FunctionType) -> dict[str, Any]:
        names, known = set(_globals_of(function.__code__)), function.__globals__
        names = set() if self._names is None else names - self._names
        return {
            'globals': {name: known[name] for name in sorted(names) if name in known},
            'cells': [content_of(cell) for cell in function.__closure__ or ()],
            'defaults': function.__defaults__,
            'kwdefaults': function.__kwdefaults__,
            'dict': function.__dict__,
        }


def _globals_of(code: CodeType) -> Iterator[str]:
    for instruction in dis.get_instructions(code):
        if instruction.opname in ('LOAD_GLOBAL', 'LOAD_NAME'):
            yield instruction.argval
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _globals_of(constant)


def dumps_by_value(value: object, names: set[str] | None, job_class: type = object) -> bytes:
    """Return the pickle of a value.

    Args:
        value: of any kind.
        names: as by `names_of_main`.
        job_class: a class in it that may have to be made again.
    """
    file = io.BytesIO()
    ByValuePickler(file, names).dump_all(value, job_class)
    return file.getvalue()


def loads_by_value(data: bytes) -> Any:
    """Return the value of a pickle by `dumps_by_value`."""
    file = io.BytesIO(data)
    unpickler, value = pickle.Unpickler(file), None
    with _loading:
        _updates.clear()
        while file.tell() < len(data):
            value = unpickler.load()
            while (unfilled := unpickler.load()) is not None:
                for function, contents in unfilled:
                    _fill(function, contents)
        for made, attributes in _updates:
            update_class(made, attributes)
    return value


def _make_class(packed: PackedClass, is_global: bool) -> type:
    made: type = unpack_class(packed, lambda *update: _updates.append(update))
    if is_global:
        _namespace(made.__module__)[made.__name__] = made
    return made


def _make_function(code: bytes, module: str, qualname: str, cells: int) -> FunctionType:
    loaded = marshal.loads(code)
    closure = tuple(CellType() for _ in range(cells))
    made = FunctionType(loaded, _namespace(module), loaded.co_name, None, closure)
    made.__qualname__, made.__module__ = qualname, module
    return made


def _namespace(module: str) -> dict[str, Any]:
    return vars(sys.modules.setdefault(module, ModuleType(module)))


def _fill(function: FunctionType, contents: dict[str, Any]) -> None:
    function.__globals__.update(contents['globals'])
    for cell, content in zip(function.__closure__ or (), contents['cells']):
        if content:
            cell.cell_contents = content[0]
    function.__defaults__, function.__kwdefaults__ = contents['defaults'], contents['kwdefaults']
    function.__dict__.update(contents['dict'])
