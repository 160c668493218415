"""grokbook: how small transformers grok, measured and controlled.

A *run* is a deterministic function of its configuration; a *study* is a grid of runs; a *claim*
is a question put to a study; a *chapter* tells it.  The rooms, in the order in which data travel:

    config → tasks, models → training → store → geometry, events → claims → chapters
"""

__version__ = "0.1.0"
