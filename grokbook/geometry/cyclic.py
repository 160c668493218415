"""The residues modulo p as cyclic groups, with the real Fourier basis of each.

    additive       Z_p, residue r at place r                     a + b ↔ r_a + r_b  mod p
    discrete log   Z_{p−1}, residue g^t mod p at place t         a · b ↔ t_a + t_b  mod p−1

g is the least primitive root of the prime p; 0 has no discrete logarithm and no place.  Over the
places j of Z_n the real orthonormal basis is 1/√n, √(2/n) cos(2πkj/n), √(2/n) sin(2πkj/n) for
0 < k < n/2, and (−1)ʲ/√n for k = n/2 if n is even.  Another root maps frequency k to k·u with u
prime to n: names change, spectra do not.  Everything is float64.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from grokbook.tasks.modular import is_prime


def fourier_matrix(n: int) -> np.ndarray:
    """The real orthonormal Fourier basis of Z_n, (n, n), a basis vector a row.

    Rows are the constant, then cosine and sine of k = 1, 2, …; for even n the last is k = n/2,
    alone.

    Raises:
        ValueError: for n < 2.

    >>> m = fourier_matrix(6)
    >>> bool(np.allclose(m @ m.T, np.eye(6)))
    True
    """
    if n < 2:
        raise ValueError(f"a Fourier basis needs at least 2 places, not {n}")
    # The phase is reduced as an integer: cos(2πkj/n) of a large kj would lose digits.
    turns = np.outer(np.arange(n), np.arange(n)) % n * (2 * np.pi / n)
    rows = [np.full(n, 1 / np.sqrt(n))]
    for k in range(1, n // 2 + 1):
        if 2 * k == n:
            rows.append(np.cos(turns[k]) / np.sqrt(n))
        else:
            rows += [np.sqrt(2 / n) * np.cos(turns[k]), np.sqrt(2 / n) * np.sin(turns[k])]
    return np.stack(rows)


def primitive_root(p: int) -> int:
    """The least g whose powers are all nonzero residues modulo the prime p.

    Raises:
        ValueError: if p is not prime.

    >>> primitive_root(97)
    5
    """
    if not is_prime(p):
        raise ValueError(f"{p} is not prime; its residues have no primitive root here")
    divisors = [q for q in range(2, p) if (p - 1) % q == 0 and is_prime(q)]
    return next(g for g in range(1, p) if all(pow(g, (p - 1) // q, p) != 1 for q in divisors))


@dataclass(frozen=True, eq=False)  # arrays have no truth value to compare by
class FourierBasis:
    """The residues modulo p, or the nonzero ones, in the order of a cyclic group.

    Attributes:
        name: ``"additive"`` or ``"discrete log"``.
        modulus: p.
        residues: (n,) int64, the residue at each place of Z_n.
    """

    name: str
    modulus: int
    residues: np.ndarray

    @classmethod
    def additive(cls, p: int) -> FourierBasis:
        """All residues in their natural order, n = p."""
        return cls("additive", p, np.arange(p, dtype=np.int64))

    @classmethod
    def discrete_log(cls, p: int) -> FourierBasis:
        """The nonzero residues by discrete logarithm to the least primitive root, n = p − 1.

        Raises:
            ValueError: if p is not prime.

        >>> FourierBasis.discrete_log(7).residues.tolist()  # powers of 3
        [1, 3, 2, 6, 4, 5]
        """
        g = primitive_root(p)
        return cls(
            "discrete log", p, np.array([pow(g, t, p) for t in range(p - 1)], dtype=np.int64)
        )

    @property
    def order(self) -> int:
        """n, the number of places."""
        return len(self.residues)

    @property
    def frequencies(self) -> np.ndarray:
        """(F,) 1 … ⌊n/2⌋; k and n − k are one frequency."""
        return np.arange(1, self.order // 2 + 1)

    @cached_property
    def matrix(self) -> np.ndarray:
        """(n, n) `fourier_matrix`, columns by place."""
        return fourier_matrix(self.order)

    @cached_property
    def owners(self) -> np.ndarray:
        """(n,) the frequency of each row of `matrix`: 0, 1, 1, 2, 2, …."""
        return (np.arange(self.order) + 1) // 2

    @cached_property
    def places(self) -> np.ndarray:
        """(p,) the place of each residue, −1 if it has none."""
        places = np.full(self.modulus, -1, dtype=np.int64)
        places[self.residues] = np.arange(self.order)
        return places

    def waves(self, frequencies: Iterable[int]) -> np.ndarray:
        """(m, n) the rows of `matrix` that belong to some frequencies.

        Raises:
            ValueError: naming a frequency that is not one of 1 … ⌊n/2⌋, or is given twice.
        """
        chosen = [int(k) for k in frequencies]
        for k in chosen:
            if not 1 <= k <= self.order // 2:
                raise ValueError(f"frequency {k} is not in 1 … {self.order // 2}")
            if chosen.count(k) > 1:
                raise ValueError(f"frequency {k} is given twice")
        return self.matrix[np.isin(self.owners, chosen)]
