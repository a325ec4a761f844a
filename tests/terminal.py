"""A terminal to run things on: a pseudo-terminal, and what it would show."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import select
import struct
import termios
from typing import IO, Any

_CODE = re.compile(r'\x1b(?:\[(\d*)(?:;(\d+))?([A-Za-z])|([78D]))')


class Screen:
    """Shows text as a terminal does, as far as the library goes."""

    def __init__(self, rows: int, columns: int) -> None:
        self.columns = columns
        #: What has left the screen at its top.
        self.history: list[str] = []
        self.rows = [''] * rows
        self.row = self.column = 0
        self.saved = 0, 0
        self.bottom = rows - 1

    def resize(self, rows: int, columns: int) -> None:
        """Give it another size, as a terminal does that keeps its first row in place."""
        self.columns = columns
        self.rows += [''] * (rows - len(self.rows))
        self.bottom = rows - 1

    def show(self, text: str) -> None:
        while text:
            if code := _CODE.match(text):
                self.obey(code)
                text = text[code.end() :]
                continue
            self.put(text[0])
            text = text[1:]

    def put(self, character: str) -> None:
        assert character.isprintable() or character in '\r\n', repr(character)
        if character == '\r':
            self.column = 0
        elif character == '\n':
            self.down()
        else:
            if self.column == self.columns:
                self.column = 0
                self.down()
            row = f'{self.rows[self.row]:{self.column}}'
            self.rows[self.row] = row[: self.column] + character + row[self.column + 1 :]
            self.column += 1

    def down(self) -> None:
        if self.row == self.bottom:
            self.history.append(self.rows.pop(0))
            self.rows.insert(self.bottom, '')
        elif self.row < len(self.rows) - 1:
            self.row += 1

    def obey(self, code: re.Match[str]) -> None:
        first, second, letter, alone = code.groups()
        row = self.rows[self.row]
        if alone == '7':
            self.saved = self.row, self.column
        elif alone == '8':
            self.row, self.column = self.saved
        elif alone == 'D':
            self.down()
        elif letter == 'r':
            self.bottom = int(second or len(self.rows)) - 1
            self.row = self.column = 0
        elif letter == 'H':
            self.row, self.column = int(first) - 1, int(second) - 1
        elif letter in 'AB':
            self.row = max(0, min(len(self.rows) - 1, self.row + (1 if letter == 'B' else -1)))
        elif letter in 'JK':
            self.rows[self.row] = '' if first == '2' else row[: self.column]
            if letter == 'J':
                self.rows[self.row + 1 :] = [''] * (len(self.rows) - self.row - 1)
        else:
            assert letter == 'm', code[0]

    @property
    def text(self) -> list[str]:
        """All rows up to that of the cursor, those that have left the screen included."""
        return [*self.history, *self.rows[: self.row + 1]]


class Terminal:
    """A pseudo-terminal with a screen, and a text file that writes to it."""

    def __init__(self, rows: int = 10, columns: int = 80, encoding: str = 'utf-8') -> None:
        self.screen = Screen(rows, columns)
        self.own, self.theirs = pty.openpty()
        self.resize(rows, columns)
        raw: IO[Any] = os.fdopen(os.dup(self.theirs), 'wb', buffering=0)
        self.file = io.TextIOWrapper(raw, encoding, write_through=True)
        self.received = b''

    def resize(self, rows: int, columns: int) -> None:
        size = struct.pack('HHHH', rows, columns, 0, 0)
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, size)
        self.screen.resize(rows, columns)

    def read(self) -> bytes:
        """Take in what was written, and return it."""
        received = b''
        while select.select([self.own], [], [], 0)[0]:
            received += os.read(self.own, 4096)
        self.take(received)
        return received

    def read_until(self, text: str) -> None:
        """Wait until the last row begins with a text."""
        while not self.screen.rows[-1].startswith(text):
            self.take(os.read(self.own, 4096))

    def take(self, received: bytes) -> None:
        self.received += received
        self.screen.show(received.decode())

    @property
    def text(self) -> list[str]:
        """The rows of text."""
        self.read()
        return self.screen.text

    @property
    def line(self) -> str:
        """What the last row shows."""
        self.read()
        return self.screen.rows[-1]

    def close(self) -> None:
        for descriptor in (self.own, self.theirs):
            os.close(descriptor)
        self.file.close()
