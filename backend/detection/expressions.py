"""`judge_when`: a small, safe expression over channels, such as `load > 0 and speed >= 100`.

Comparisons, `and`, `or`, `not`, `+ - * /`, numbers and channel names; a name that is no Python
identifier stands in backquotes. Nothing else is understood, and nothing is ever evaluated by
Python: the text becomes a tree, and the tree is walked over arrays.
"""

import ast
import operator
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.ports import Floats

_QUOTED = re.compile(r"`([^`]*)`")
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_LONGEST = 500
_LARGEST_BITS = 1023
"""Of a whole number that a float can hold."""


@dataclass(frozen=True)
class Condition:
    """A parsed expression: what it says, and the channels it reads."""

    text: str
    channels: frozenset[str]
    _tree: ast.expr
    _names: Mapping[str, str]

    def holds(self, columns: Mapping[str, Floats]) -> NDArray[np.bool_]:
        """Where the condition is true; a channel that is absent (NaN) makes it false there.

        Args:
            columns: each channel's values, arrays of one shape.
        """
        with np.errstate(all="ignore"):
            truth = np.asarray(self._walk(self._tree, columns), dtype=bool)
        shape = next(iter(columns.values())).shape
        known = np.ones(shape, dtype=bool)
        for channel in self.channels:
            known &= np.isfinite(columns[channel])
        return np.broadcast_to(truth, shape) & known

    def _walk(self, node: ast.expr, columns: Mapping[str, Floats]) -> Any:
        match node:
            case ast.BoolOp(op=op, values=values):
                parts = [self._walk(value, columns) for value in values]
                every = isinstance(op, ast.And)
                return (np.all if every else np.any)(np.broadcast_arrays(*parts), axis=0)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return np.logical_not(self._walk(operand, columns))
            case ast.Compare():
                return self._compare(node, columns)
        return self._number(node, columns)

    def _number(self, node: ast.expr, columns: Mapping[str, Floats]) -> Any:
        match node:
            case ast.UnaryOp(operand=operand):
                return -self._number(operand, columns)
            case ast.BinOp(left=left, op=op, right=right):
                join = _ARITHMETIC[type(op)]
                return join(self._number(left, columns), self._number(right, columns))
            case ast.Name(id=name):
                return columns[self._names.get(name, name)]
            case ast.Constant(value=int() | float() as value):
                return np.float64(value)
        raise AssertionError("parse() lets no other node through")

    def _compare(self, node: ast.Compare, columns: Mapping[str, Floats]) -> Any:
        values = [self._number(value, columns) for value in [node.left, *node.comparators]]
        truths = [
            _COMPARE[type(op)](left, right)
            for op, left, right in zip(node.ops, values[:-1], values[1:], strict=True)
        ]
        return np.all(np.broadcast_arrays(*truths), axis=0)


def parse(text: str, names: Collection[str]) -> Condition:
    """Read an expression over the channels `names`.

    Raises:
        ValueError: it is not such an expression; the message says what is wrong.
    """
    if len(text) > _LONGEST:
        raise ValueError(f"expected at most {_LONGEST} characters")
    quoted: dict[str, str] = {}

    def _placeholder(match: re.Match[str]) -> str:
        name = f"_quoted_{len(quoted)}"
        quoted[name] = match[1]
        return name

    try:
        tree = ast.parse(_QUOTED.sub(_placeholder, text).strip(), mode="eval").body
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(
            f"{text!r} is not an expression such as load > 0 and speed >= 100"
        ) from error
    if not _is_truth(tree):
        raise ValueError(f"{text!r} is not true or false: expected a comparison such as load > 0")
    used = _check(tree, quoted, names)
    return Condition(text, frozenset(used), tree, quoted)


def _is_truth(node: ast.expr) -> bool:
    match node:
        case ast.Compare():
            return True
        case ast.BoolOp(values=values):
            return all(_is_truth(value) for value in values)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return _is_truth(operand)
    return False


def _check(tree: ast.expr, quoted: Mapping[str, str], names: Collection[str]) -> set[str]:
    used: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name):
                channel = quoted.get(name, name)
                if channel not in names:
                    known = ", ".join(names)
                    raise ValueError(f"{channel!r} is not a channel of the detector ({known})")
                used.add(channel)
            case ast.Constant(value=value) if isinstance(value, bool) or not isinstance(
                value, int | float
            ):
                raise ValueError(f"{value!r} is not a number")
            case ast.Constant(value=int() as value) if value.bit_length() > _LARGEST_BITS:
                raise ValueError(f"{str(value)[:20]}… is too large for a number")
            case ast.expr() if not _is_allowed(node):
                raise ValueError(
                    f"{ast.unparse(node)!r} is not understood: only comparisons, and, or, not, "
                    "+ - * /, numbers and channels are"
                )
    return used


def _is_allowed(node: ast.expr) -> bool:
    match node:
        case ast.Compare(ops=ops, left=left, comparators=right):
            sides = [left, *right]
            return all(type(op) in _COMPARE for op in ops) and not any(map(_is_truth, sides))
        case ast.BinOp(op=op, left=left, right=right):
            return type(op) in _ARITHMETIC and not (_is_truth(left) or _is_truth(right))
        case ast.UnaryOp(op=op, operand=operand):
            return isinstance(op, ast.Not) == _is_truth(operand) and isinstance(
                op, ast.Not | ast.USub
            )
        case ast.BoolOp(values=values):
            return all(_is_truth(value) for value in values)
    return isinstance(node, ast.Name | ast.Constant)
