"""Searches what a process has in its memory and in its environment, and that of its children."""

import pathlib
import re

CHUNK = 1 << 20


def family(pid):
    """The process and all that it started."""
    found = [pid]
    for at in found:
        for task in pathlib.Path(f"/proc/{at}/task").iterdir():
            found += [int(child) for child in (task / "children").read_text().split()]
    return found


def holds(pid, needle):
    """Whether a process or a child of it has these bytes anywhere."""
    return any(in_memory(one, needle) or needle in pathlib.Path(f"/proc/{one}/environ").read_bytes() for one in family(pid))


def in_memory(pid, needle):
    searched = 0
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            start, end, mode, name = re.match(r"(\w+)-(\w+) (\S+) \S+ \S+ \S+ *(.*)", line).groups()
            # The kernel's own pages cannot be read.
            if "r" not in mode or name.startswith("[v"):
                continue
            at, stop, before = int(start, 16), int(end, 16), b""
            while at < stop:
                try:
                    memory.seek(at)
                    read = memory.read(min(CHUNK, stop - at))
                except OSError:
                    break  # Reserved, and nothing there.
                if not read:
                    break
                searched += len(read)
                if needle in before + read:
                    return True
                before, at = read[-len(needle) :], at + len(read)
    assert searched > CHUNK, f"only {searched} bytes of process {pid} could be read"
    return False
