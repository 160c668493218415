"""What the data do not determine."""


class Degenerate(ValueError):
    """Nothing moves, or in fewer directions than were asked for, or there are too few samples.

    An instrument leaves such a number out; every other ``ValueError`` is a fault, and stops it.
    """
