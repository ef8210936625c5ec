"""Journal: what happened at one node, on its disk first and then at the collector, each event once.

An event is in the file when `append` returns, so that a process that is killed has told all that
its neighbours may have seen of it. The connection reads from the file what it has not sent. Events
are numbered by their lines; a message says the number of its first, and the collector, who alone
knows what it has, asks again from the number that it lacks (`resend`). A broker that loses what it
had acknowledged costs nothing then.

A line that a kill cut short is dropped when the file is opened again. A disk that is full ends the process:
what it cannot write down it must not do.
"""

from __future__ import annotations

import os
import threading
from bisect import bisect_right
from itertools import islice
from pathlib import Path

from dtn.errors import BadInput, Fault
from dtn.events import Event
from emulator.log import events_of, line_of
from nodes.channel.connection import Message
from nodes.past import Past

MESSAGE_BYTES = 200_000
LINES_AT_ONCE = 1000


class Journal:
    """The journal of one node; an outbox of its connection.

    Args:
        path: its file; goes on if it is there.
        topic: where events are told.
    """

    def __init__(self, path: Path, topic: str) -> None:
        self._topic = topic
        self._path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        self._lock = threading.Lock()
        self.count = self._mend()
        self._sent = 0
        self._sent_bytes = 0
        self._marks = [(0, 0)]
        """Line and octet at which a message began, in order."""
        self._is_due = False

    def append(self, event: Event) -> None:
        """Write one event.

        Raises:
            BadInput: the disk is full; the journal is as it was.
        """
        line = line_of(event).encode() + b"\n"
        place = os.lseek(self._file, 0, os.SEEK_CUR)
        try:
            written = os.write(self._file, line)
            if written < len(line):
                os.write(self._file, line[written:])  # says what is wrong
        except OSError as fault:
            os.ftruncate(self._file, place)
            os.lseek(self._file, place, os.SEEK_SET)
            mend = f"cannot be written ({fault.strerror}): make room, and start the node again"
            raise BadInput(Fault(str(self._path), "", "", mend)) from None
        self.count += 1

    def tick(self) -> None:
        """What has gathered may go."""
        self._is_due = True

    def resend(self, number: int) -> None:
        """Send everything from this event on, once more or for the first time."""
        with self._lock:
            place = bisect_right(self._marks, (number, 1 << 62)) - 1
            self._sent, self._sent_bytes = self._marks[place]
            del self._marks[place + 1 :]
        self.tick()

    def past(self) -> Past:
        """What became of the node's bundles up to now."""
        past = Past()
        with self._path.open(encoding="utf-8") as file:
            while lines := list(islice(file, LINES_AT_ONCE)):
                for event in events_of(self._path, lines):
                    past.follow(event)
        return past

    def close(self) -> None:
        """Nothing more happens."""
        os.close(self._file)

    # -- outbox

    def take(self) -> Message | None:
        """The next events, if it is time for some."""
        if not self._is_due:
            return None
        with self._lock:
            octets = self._lines(MESSAGE_BYTES)
            if not octets:
                self._is_due = False
                return None
            if self._marks[-1][0] != self._sent:
                self._marks.append((self._sent, self._sent_bytes))
            message = Message(self._topic, b"%d\n" % self._sent + octets)
            self._sent += octets.count(b"\n")
            self._sent_bytes += len(octets)
        return message

    def sent(self, message: Message) -> None:
        """The broker has it; whether the collector has is its to say."""

    def returned(self, message: Message) -> None:
        """The connection broke: from there on once more."""
        self.resend(int(message.payload.partition(b"\n")[0]))

    def _lines(self, most_bytes: int) -> bytes:
        """Whole lines that have not been sent; one at least if there is one, however long."""
        octets = os.pread(self._file, most_bytes, self._sent_bytes)
        end = octets.rfind(b"\n") + 1
        return (
            self._lines(2 * most_bytes) if not end and len(octets) == most_bytes else octets[:end]
        )

    def _mend(self) -> int:
        """Drop a line cut short, go to the end, and return the number of lines."""
        octets = os.pread(self._file, os.fstat(self._file).st_size, 0)
        whole = octets.rfind(b"\n") + 1
        os.ftruncate(self._file, whole)
        os.lseek(self._file, whole, os.SEEK_SET)
        return octets.count(b"\n")
