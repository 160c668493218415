"""Chapter parameters, read once, checked, frozen.

A chapter's first cell, tagged `parameters`, assigns typed and commented defaults; papermill may
inject a cell after it that assigns other values. The next cell reads them:

    chosen = read_parameters(globals(), published={"weight_decays": [1.0], "seeds": [42]})

`published` repeats the defaults on purpose. The page's verdicts hold for these values, and only a
second statement of them can tell a reader who edits the first cell in JupyterLab from one who
does not; a test compares the two in every chapter.
"""

import math
import types
import typing
from collections.abc import Collection, Mapping
from typing import Any

# set in a notebook's namespace once its parameters were read: names that appear later are the
# reader's own, when cells are run again in JupyterLab
_READ = "_grokbook_parameters_read"
_OF_IPYTHON = {"In", "Out"}
# what papermill can inject
_PLAIN = (int, float, str, list, tuple, dict, type(None))
_WORDS = {int: "an integer", float: "a number", bool: "true or false", str: "text"}


class ParameterError(ValueError):
    """A parameter that a chapter cannot use. A notebook shows the message without a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]


class Parameters:
    """A chapter's parameters as attributes; lists are tuples; nothing can be changed.

    Attributes:
        are_default: whether every value is the published one, so that the page's verdicts hold.
    """

    def __init__(self, values: Mapping[str, Any], are_default: bool):
        """Hold `values`; `are_default` as above."""
        self.__dict__.update(values)
        self.__dict__["are_default"] = are_default

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"parameters are read once: {name} cannot be changed")

    def __delattr__(self, name: str) -> None:
        self.__setattr__(name, None)

    def as_dict(self) -> dict[str, Any]:
        """Names and values, without `are_default`."""
        return {name: value for name, value in vars(self).items() if name != "are_default"}

    def __repr__(self) -> str:
        # tuples are shown as the lists that a reader would write
        shown = {n: list(v) if isinstance(v, tuple) else v for n, v in self.as_dict().items()}
        return ", ".join(f"{name} = {value!r}" for name, value in shown.items())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Parameters) and vars(self) == vars(other)

    __hash__ = None


def read_parameters(
    namespace: dict[str, Any], published: Mapping[str, Any], optional: Collection[str] = ()
) -> Parameters:
    """Read and check the parameters of the notebook that calls this.

    Types come from the annotations of the `parameters` cell: bool, int, float, str, `list` of
    one of them, or either with `| None`. A list may arrive as a list, as text ("[0.8, 1.0]" or
    "0.8, 1.0") or as a single value; an integer will do where a number is due.

    Args:
        namespace: the notebook's `globals()`.
        published: the default of every parameter.
        optional: lists that may be null, which is an empty one.

    Returns:
        The frozen parameters.

    Raises:
        ParameterError: an unknown parameter, or a value of another type, NaN, infinite, an empty
            list, or a list with one value twice. The message names the parameter and the value.
    """
    annotations = _annotations(namespace)
    untyped = [name for name in published if name not in annotations or name not in namespace]
    if untyped:
        raise ParameterError(f"{untyped[0]} is published but has no type in the parameters cell")
    if not namespace.get(_READ):
        for name, value in namespace.items():
            if name.startswith("_") or name in published or name in _OF_IPYTHON:
                continue
            if isinstance(value, _PLAIN):
                known = ", ".join(published) or "none"
                raise ParameterError(f"unknown parameter {name} = {value!r}; known are: {known}")
        namespace[_READ] = True
    values = {
        name: ()
        if name in optional and namespace[name] is None
        else _read(name, namespace[name], annotations[name])
        for name in published
    }
    defaults = {name: _read(name, value, annotations[name]) for name, value in published.items()}
    return Parameters(values, are_default=values == defaults)


def _annotations(namespace: Mapping[str, Any]) -> Mapping[str, Any]:
    if "__annotations__" in namespace:
        return namespace["__annotations__"]
    # Python 3.14 and later make them on demand
    annotate = namespace.get("__annotate__")
    return annotate(1) if annotate else {}


def _read(name: str, value: Any, wanted: Any) -> Any:
    if typing.get_origin(wanted) in (typing.Union, types.UnionType):
        if value is None:
            return None
        (wanted,) = (kind for kind in typing.get_args(wanted) if kind is not type(None))
    if typing.get_origin(wanted) is list:
        (kind,) = typing.get_args(wanted)
        return _read_list(name, value, kind)
    if wanted not in _WORDS:
        raise ParameterError(f"{name} has the type {wanted}, which no parameter can have")
    return _read_one(name, value, wanted)


def _read_list(name: str, value: Any, kind: type) -> tuple:
    if isinstance(value, str):
        text = value.strip().removeprefix("[").removesuffix("]")
        items = [_from_text(part.strip(), kind) for part in text.split(",") if part.strip()]
    elif isinstance(value, list | tuple):
        items = list(value)
    else:
        items = [value]
    if not items:
        raise ParameterError(f"{name} = {value!r}: at least one value is needed")
    read = tuple(_read_one(name, item, kind) for item in items)
    if len(set(read)) < len(read):
        raise ParameterError(f"{name} = {value!r}: one value is there twice")
    return read


def _from_text(text: str, kind: type) -> Any:
    """One item of a list that came as text; left as text if it is not what is due."""
    if kind is bool:
        return {"true": True, "false": False}.get(text.lower(), text)
    if kind is str:
        return text.strip("'\"")
    try:
        return kind(text)
    except ValueError:
        return text


def _read_one(name: str, value: Any, kind: type) -> Any:
    # bool is a subclass of int, and True is nobody's seed
    numeric = int | float if kind is float else kind
    fits = isinstance(value, numeric) and (kind is bool or not isinstance(value, bool))
    if fits and kind is float:
        fits = math.isfinite(value)
    if not fits:
        raise ParameterError(f"{name}: {value!r} is not {_WORDS[kind]}{_hint(value, kind)}")
    return kind(value)


def _hint(value: Any, kind: type) -> str:
    """What to write instead of 1e-3, which YAML reads as text."""
    number = _from_text(value, float) if kind is float and isinstance(value, str) else None
    if not isinstance(number, float) or not math.isfinite(number):
        return ""
    return f" (YAML reads {value} as text; write {number!r})"
