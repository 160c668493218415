"""What every test runs under: an empty store, no training unless a test says so, one thread."""

import os
import tempfile

import pytest

_SKIPS_FAIL = "GROKBOOK_SKIPS_FAIL"
_scratch = tempfile.TemporaryDirectory(prefix="grokbook-tests-")

# before torch or grokbook is imported; nothing that a test writes may land in the tree
os.environ["GROKBOOK_STORE"] = os.path.join(_scratch.name, "store")
os.environ["GROKBOOK_TRAIN"] = "never"
os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = os.path.join(_scratch.name, "hypothesis")
os.environ["IPYTHONDIR"] = os.path.join(_scratch.name, "ipython")
for _threads in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_threads] = "1"


def pytest_collection_modifyitems(config, items):
    """The longest first, so that no worker is left alone with one of them at the end.

    What needs a GPU is left out where there is none, as slow tests are: no machine is asked for it.
    """
    if any(map(_needs_gpu, items)) and not _has_gpu():
        config.hook.pytest_deselected(items=[item for item in items if _needs_gpu(item)])
        items[:] = [item for item in items if not _needs_gpu(item)]

    def seconds(item):
        mark = item.get_closest_marker("long")
        return mark.args[0] if mark else 0

    items.sort(key=seconds, reverse=True)  # stable: the others stay in their order


def _needs_gpu(item):
    return item.get_closest_marker("gpu") is not None


def _has_gpu():
    import torch

    return torch.cuda.is_available()


def _skipped(terminal):
    return [r for r in terminal.stats.get("skipped", []) if hasattr(r, "longrepr")]


def pytest_terminal_summary(terminalreporter):
    """One visible line a reason, whatever the verbosity."""
    reasons: dict[str, int] = {}
    for report in _skipped(terminalreporter):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reason = reason.removeprefix("Skipped: ")
        reasons[reason] = reasons.get(reason, 0) + 1
    for reason, count in reasons.items():
        terminalreporter.write_line(f"{count} tests skipped: {reason}", yellow=True)
    if reasons and os.environ.get(_SKIPS_FAIL):
        terminalreporter.write_line(f"{_SKIPS_FAIL} is set: a skip is a failure", red=True)


def pytest_sessionfinish(session, exitstatus):
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    failing = os.environ.get(_SKIPS_FAIL) and terminal and _skipped(terminal)
    if failing and exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def shelf():
    """The recorded results, every file read once a worker; nobody changes what it gives."""
    from grokbook.claims.shelf import Shelf

    return Shelf()


@pytest.fixture(scope="session")
def rows(shelf):
    """Every claim, judged by what is recorded."""
    from grokbook.claims.board import board

    return board(shelf)


_SMALL_STUDY = """
[study]
name = "{name}"
title = "a small study"
seeds = [3, 4]
[run]
tasks = ["add"]
modulus = 11
width = 8
heads = 2
hidden = 8
batch_size = 16
[plan]
steps = {steps}
cadence = {cadence}
full_state = true
"""


@pytest.fixture(scope="session")
def small_study():
    """The text of a study file: two seeds of the smallest model that can be trained at all."""

    def text(name="small", steps=20, cadence=10):
        return _SMALL_STUDY.format(name=name, steps=steps, cadence=cadence)

    return text
