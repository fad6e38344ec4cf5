"""Lines of a descriptor, read on a thread that an interrupt can wake: a read alone goes on."""

from __future__ import annotations

import asyncio
import os
import select
from typing import Self

_BLOCK = 1 << 16
# A request is far smaller; one that is larger is passed over.
LONGEST = 64 << 20


class Lines:
    """The lines of a descriptor as text, until it ends or `stop` is called."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._rest = b""
        self._awaited, self._waking = os.pipe()

    def stop(self) -> None:
        """Let there be no more lines, whoever waits for one."""
        os.write(self._waking, b".")

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        line = await asyncio.to_thread(self._line)
        if not line:
            raise StopAsyncIteration
        return line.decode(errors="replace")

    def _line(self) -> bytes:
        """The next line with its line feed, or what is left of one at the end."""
        parts, size, block = [b""], 0, self._rest
        while b"\n" not in block:
            size += len(block)
            parts = [*parts, block] if size <= LONGEST else [b" "]
            block = self._block()
            if not block:
                self._rest = b""
                return b"".join(parts)
        end, _, self._rest = block.partition(b"\n")
        return b"".join((*parts, end, b"\n"))

    def _block(self) -> bytes:
        ready = select.select((self._fd, self._awaited), (), ())[0]
        return b"" if self._awaited in ready else os.read(self._fd, _BLOCK)
