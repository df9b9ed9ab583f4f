"""The shared libraries that a program is linked to."""

import pathlib
import re
import shutil
import subprocess


def copy_libraries(program, root):
    """Copies them to their own paths below a folder, and returns those paths."""
    linked = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    libraries = re.findall(r"(/\S+) \(0x", linked)
    for library in libraries:
        there = pathlib.Path(root, library.lstrip("/"))
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, there)
    return libraries
