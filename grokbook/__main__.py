"""``python -m grokbook``: the command line, also where the package is not installed."""

from grokbook.cli import main

main()
