"""Turns SIGTERM (scancel, time-outs) and SIGHUP (a lost terminal) into exceptions, so that jobs clean up."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class TerminatedError(SystemExit):
    """Raised when a signal arrives; the process exits with 128 + the signal's number, as usual."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.name = signal.Signals(number).name


@contextmanager
def signals_as_exceptions() -> Iterator[None]:
    """Raise TerminatedError at the first signal; further ones are ignored until the clean-up has ended.

    Signals that were ignored before (nohup) stay ignored. Outside the main thread this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    heeded = [number for number, handler in before.items() if handler is not signal.SIG_IGN]

    def end(number: int, frame: FrameType | None) -> None:
        for each in heeded:
            signal.signal(each, signal.SIG_IGN)
        raise TerminatedError(number)

    for number in heeded:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in heeded:
            signal.signal(number, before[number])
