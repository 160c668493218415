"""Workers of an existing Dask cluster on a shared file system.

Start its workers with one thread each (``dask worker --nthreads 1``): threads of one process
share one interpreter, and a run keeps a core busy by itself.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from grokbook.store import Store, StoreError
from grokbook.sweep.job import Result, Work, describe
from grokbook.sweep.order import Order

PATIENCE = 10.0
"""Seconds that a scheduler has for its first answer."""


class SchedulerError(StoreError):
    """A cluster cannot be used; the message is one line."""


async def _greet(address: str) -> None:
    from distributed.comm import connect
    from distributed.security import Security

    how = Security().get_connection_args("client")
    comm = await asyncio.wait_for(connect(address, timeout=PATIENCE, **how), PATIENCE)
    await comm.close()


def require_scheduler(address: str) -> None:
    """Refuse an address at which no scheduler answers.

    Dask's own client waits for ever for a port that is open and silent.

    Raises:
        SchedulerError: if none does, or Dask is not installed.
    """
    try:
        with ThreadPoolExecutor(1) as aside:  # in a notebook this thread has a loop already
            aside.submit(asyncio.run, _greet(address)).result()
    except ImportError:
        raise SchedulerError(
            f"the scheduler {address} needs Dask, which is not installed: "
            "python -m pip install 'grokbook[cluster]'"
        ) from None
    except OSError:
        raise SchedulerError(f"no scheduler answers at {address} (waited {PATIENCE:g} s)") from None
    except Exception as error:
        raise SchedulerError(f"{address!r} is no Dask scheduler: {describe(error)}") from None


class ClusterPool:
    """The workers of a cluster, one job a thread.

    When a worker dies, Dask itself gives its job to another one, as often as the cluster's
    ``allowed-failures`` says; only then are its deaths reported here.

    Args:
        address: of the scheduler, such as ``tcp://host:8786``.
        workers: how many jobs at a time, or None for one a thread.
        store, order: what every job is given.
        warn: called with one line if the cluster has no workers.

    Raises:
        SchedulerError: if Dask is not installed, or the scheduler does not answer.
    """

    def __init__(
        self,
        address: str,
        workers: int | None,
        store: Store,
        order: Order,
        warn: Callable[[str], None],
    ) -> None:
        require_scheduler(address)
        import distributed
        from distributed.scheduler import KilledWorker

        self._address, self._given, self._warn = address, (store, order), warn
        self._limit, self._killed = workers, KilledWorker
        self._client = distributed.Client(address, timeout=PATIENCE, set_as_default=False)
        # Not pure: a job given again is carried out again, whatever became of it before.
        self._executor = self._client.get_executor(pure=False)
        self._taken: set[Future[Result]] = set()
        self._threads, self._counted, self._warned = 0, -1.0, False

    def _lost(self) -> SchedulerError:
        # We say it in one line; the client would add two tracebacks.
        logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
        return SchedulerError(f"the scheduler {self._address} is gone; what was saved stands")

    def room(self) -> int:
        """Jobs that can be taken now: workers come and go, and none has a queue.

        Raises:
            SchedulerError: if the scheduler is gone.
        """
        if time.monotonic() - self._counted >= 1:
            try:
                self._threads = sum(self._client.nthreads().values())
            except Exception:
                raise self._lost() from None
            self._counted = time.monotonic()
            if not self._threads and not self._warned:
                self._warn(f"the cluster at {self._address} has no workers: waiting for them")
            self._warned = not self._threads
        return min(self._threads, self._limit or self._threads) - len(self._taken)

    def submit(self, job: Work) -> Future[Result]:
        """Have a job carried out.

        Raises:
            SchedulerError: if the scheduler is gone.
        """
        try:
            future = self._executor.submit(job.carry_out, *self._given)
        except Exception:
            raise self._lost() from None
        self._taken.add(future)
        return future

    def deaths(self, future: Future[Result]) -> int:
        """Workers that died of an ended job; its place is free again.

        Raises:
            SchedulerError: if the scheduler is gone.
        """
        self._taken.discard(future)
        if future.cancelled():  # nobody here cancels
            raise self._lost()
        error = future.exception()
        return error.allowed_failures + 1 if isinstance(error, self._killed) else 0

    def close(self, *, hard: bool) -> None:
        """Leave the cluster; it is not ours to end."""
        self._client.close(timeout=1 if hard else PATIENCE)
