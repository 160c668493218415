"""Instruments: what is measured on a finished run, when, and how it is written down.

`grokbook.geometry` computes; an instrument says on which snapshots, in which units, at what cost.
"""
