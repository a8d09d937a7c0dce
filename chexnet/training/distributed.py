"""A process of a distributed run dies: the others end, and say what to do."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch

WHAT_TO_DO = "the last whole epoch is kept: give the same command to go on"

_LOST = re.compile(r"gloo|nccl|connection (closed|reset|refused)|broken pipe", re.IGNORECASE)
"""What the backends say, as plain RuntimeErrors too, when the other side of a connection is gone."""

_OBSERVER = "lightning.fabric.strategies.launchers.subprocess_script"
"""The logger of Lightning's thread that looks after the processes, and kills them all when one has died."""


class _Advice(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = f"{record.getMessage()} ({WHAT_TO_DO})", ()
        return True


@contextmanager
def told_of_lost_processes() -> Iterator[None]:
    """Turn what the backend raises about a lost process into an error that says what to do.

    Raises:
        ConnectionAbortedError: another process of the run has died.
    """
    logger, advice = logging.getLogger(_OBSERVER), _Advice()
    logger.addFilter(advice)
    try:
        yield
    except RuntimeError as error:
        if isinstance(error, torch.distributed.DistError) or _LOST.search(str(error)):
            said = next(iter(str(error).splitlines()), type(error).__name__)
            raise ConnectionAbortedError(
                f"another process of this run has died ({said}); {WHAT_TO_DO}"
            ) from error
        raise
    finally:
        logger.removeFilter(advice)
