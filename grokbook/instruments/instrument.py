"""An instrument, declared: what it measures on a run, and what its rows mean.

    COMMUTATOR = Instrument(name="commutator", …, points=spaced, take=measure)

Rows are tidy: one number a row, with its own error.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from grokbook.checks import ConfigError, integer, number, suggest
from grokbook.instruments.subject import Subject


@dataclass(frozen=True)
class Row:
    """One measured number.

    Attributes:
        step: updates made at the snapshot; of a whole trajectory its last.
        quantity: one of the instrument's.
        value: in the quantity's unit.
        part: of the model or the loss: ``"0.W_Q"``, ``"add"``, ``"add×mul"``; empty for the whole.
        variant: the protocol, ``"published"``, ``"corrected"``, ``"exact"``, …; of a null, or where
            a basis is chosen, that after a comma: ``"published, random walk"``.
        at: the free coordinate where there is one (a rank, a factor, a share), else NaN.
        error: of ``value``, in its unit: a residual, a floor or a standard deviation, as the
            instrument says; NaN where ``value`` is exact up to rounding.
        count: of samples behind ``value``.
    """

    step: int
    quantity: str
    value: float
    part: str = ""
    variant: str = ""
    at: float = math.nan
    error: float = math.nan
    count: int = 1


@dataclass(frozen=True)
class Quantity:
    """What the rows of one quantity hold.

    Attributes:
        unit: ``"1"`` for a ratio or a share.
        meaning: one line.
        at: what the free coordinate is; empty where there is none.
    """

    unit: str
    meaning: str
    at: str = ""


@dataclass(frozen=True)
class Parameter:
    """A choice that whoever measures can make otherwise.

    Attributes:
        default: its type is that of every value.
        meaning: one line, in which the instrument's other words may be used.
        low: the least whole number; other numbers are positive.
        high: the largest number.
        among: the words that there are, if it is one.
    """

    default: Any
    meaning: str
    low: int = 1
    high: float = math.inf
    among: tuple[str, ...] = ()

    def check(self, name: str, value: Any) -> None:
        """Refuse a value that the instrument cannot take.

        Raises:
            ConfigError: naming it.

        >>> Parameter(9, "pairs of batches").check("batch_pairs", 3)
        """
        if type(value) is not type(self.default):
            raise ConfigError(f"{name} must be {self.kind}, not {value!r}")
        for each in value if isinstance(value, tuple) else (value,):
            if self.among and each not in self.among:
                raise ConfigError(f"{name} is {' or '.join(self.among)}, not {each!r}")
            if isinstance(each, int):
                integer(name, each, low=self.low)
            elif isinstance(each, float):
                number(name, each, low=0, high=self.high, open_low=True)

    @property
    def kind(self) -> str:
        """What its values are, in words.

        >>> Parameter(9, "…").kind, Parameter((3.0, 5.0), "…").kind
        ('a whole number', 'numbers joined by +')
        """
        one = isinstance(self.default, tuple)
        kind = type(self.default[0] if one else self.default)
        words = {int: ("a whole number", "whole numbers"), float: ("a number", "numbers")}
        single, several = words.get(kind, ("a word", "words"))
        return f"{several} joined by +" if one else single

    def read(self, text: str) -> Any:
        """A value from text, of the default's type.

        Raises:
            ValueError: if it is of another.

        >>> Parameter((3.0, 5.0), "…").read("1+2.5")
        (1.0, 2.5)
        """
        if isinstance(self.default, tuple):
            return tuple(type(self.default[0])(word) for word in text.split("+"))
        return type(self.default)(text)

    def write(self, value: Any) -> str:
        """A value, or what JSON made of it, as an option takes it: `read` gives it back.

        >>> Parameter((3.0, 5.0), "…").write([1.0, 2.5]), Parameter(1e-2, "…").write(1e-7)
        ('1+2.5', '1e-07')
        """
        if isinstance(value, list | tuple):
            return "+".join(map(self._word, value))
        return self._word(value)

    @staticmethod
    def _word(value: Any) -> str:
        short = f"{value:g}" if isinstance(value, float) else str(value)
        return repr(value) if isinstance(value, float) and float(short) != value else short

    def __str__(self) -> str:
        """The default as an option takes it.

        >>> str(Parameter((3.0, 5.5), "…")), str(Parameter(0.01, "…"))
        ('3+5.5', '0.01')
        """
        return self.write(self.default)


NEEDS = {
    "theta": "snapshots of all parameters (plan.full_state)",
    "attention": "snapshots of the attention matrices",
    "band": "the stream of inner products of updates",
    "decayed": "what decay moved the attention matrices by",
    "pairs": "pairs of operands, which modular arithmetic has",
    "strings": "strings of brackets, which the Dyck task has",
}
"""What an instrument may need of a run, in words."""

MORE_SNAPSHOTS = "more snapshots"
"""What a run lacks that kept too few."""


@dataclass(frozen=True, kw_only=True)
class Instrument:
    """A measurement on one run.

    A *point* is the least that is measured at once, named by a step; points are independent of
    each other, so that a measurement that was stopped goes on where it was.

    Attributes:
        name: small letters and ``-``.
        title: what a person calls it.
        formula: in plain text, with the symbols explained.
        source: papers and sections.
        error: what the rows' error is.
        parts: what the rows' parts are, in one line; empty if everything is of the whole.
        variants: what their variants are, in one line; every word of a variant is in it.
        quantities: by name, words joined by ``_``.
        points: the steps to measure a run at.
        take: measures one of them.
        seconds: estimate for one point in core-seconds; its constants were timed, as ``cost`` was,
            on one x86-64 core with PyTorch for CPU, and are to the nearest digit or two.
        budget: core-hours that a study may spend on it.
        cost: measured, of one published run on one core, in words.
        parameters: by name.
        memory: bytes that one point needs at most, the libraries not counted.
        needs: what a run must have kept, or be on; of `NEEDS`.
        lacking: what else it needs and a run has not, in words; empty if nothing.
        sibling: does it use the run of another seed, where there is one, as a control?
        version: raised when rows would come out otherwise than before.
    """

    name: str
    title: str
    formula: str
    source: str
    error: str
    quantities: Mapping[str, Quantity]
    points: Callable[[Subject, Mapping[str, Any]], Sequence[int]]
    take: Callable[[Subject, int, Mapping[str, Any]], list[Row]]
    seconds: Callable[[Subject, Mapping[str, Any]], float]
    budget: float
    cost: str
    parts: str
    variants: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    memory: int = 1_000_000_000
    lacking: Callable[[Subject], str] = lambda subject: ""
    sibling: bool = False
    version: int = 1

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z-]*", self.name):
            raise ConfigError(f"an instrument's name has small letters and -, not {self.name!r}")
        for name in (*self.quantities, *self.parameters):
            if not re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", name):
                raise ConfigError(f"{self.name}: names are words joined by _, not {name!r}")

    def complete(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """All parameters, those not given at their default.

        Raises:
            ConfigError: naming a parameter that there is not, or a value that it cannot take.
        """
        for name, value in given.items():
            self.parameter(name).check(f"{name} of {self.name}", value)
        return {name: each.default for name, each in self.parameters.items()} | given

    def parameter(self, name: str) -> Parameter:
        """One of its parameters.

        Raises:
            ConfigError: if there is none of that name.
        """
        if name not in self.parameters:
            known = suggest(name, self.parameters) if self.parameters else "it has none"
            raise ConfigError(f"{self.name} has no parameter {name!r}; {known}")
        return self.parameters[name]

    def rows(self, subject: Subject, point: int, parameters: Mapping[str, Any]) -> list[Row]:
        """One point's rows, each as the instrument declares it.

        Raises:
            ValueError: naming a quantity that it does not, a free coordinate of a quantity that has
                none, a variant with a word that does not occur in `variants`, or the part of an
                instrument that has none.
        """
        rows = self.take(subject, point, parameters)
        for quantity, located in {(row.quantity, not math.isnan(row.at)) for row in rows}:
            if quantity not in self.quantities:
                raise ValueError(f"{self.name} does not declare the quantity {quantity!r}")
            if located and not self.quantities[quantity].at:
                raise ValueError(f"{self.name} does not declare what `at` of {quantity!r} is")
        for variant in {row.variant for row in rows} - {""}:
            words = variant.split(", ")
            if len(words) > 2 or not set(" ".join(words).split()) <= self._words:
                raise ValueError(f"{self.name} does not declare the variant {variant!r}")
        for part in {row.part for row in rows} - {""}:
            if part in ("all", "total", "whole") or not self.parts:
                raise ValueError(f"{self.name} does not declare the part {part!r}")
        return rows

    @property
    def _words(self) -> set[str]:
        return set(re.findall(r"[^\s,;:()]+", self.variants))
