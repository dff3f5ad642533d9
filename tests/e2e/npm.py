"""What tests take from npm: installed below build/, as tests/npm/package-lock.json pins it.

Nothing of a package runs while it is installed. Without node, npm or a network there
is a reason to skip, in one line.
"""
import fcntl
import os
import shutil
import subprocess

from skerry_test import BIN, SLOW

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.join(HERE, "../npm")
FOLDER = os.path.abspath(os.path.join(BIN, "../tests/npm"))
PINS = ("package.json", "package-lock.json")


def is_current():
    """Was this lock file installed, to its end?"""
    try:
        with open(os.path.join(SOURCE, PINS[1])) as wanted, open(
                os.path.join(FOLDER, "installed")) as there:
            return wanted.read() == there.read()
    except FileNotFoundError:
        return False


def install():
    for pin in PINS:
        shutil.copy(os.path.join(SOURCE, pin), FOLDER)
    done = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=FOLDER,
                          capture_output=True, text=True, timeout=180 * SLOW)
    if done.returncode == 0:
        shutil.copy(os.path.join(FOLDER, PINS[1]), os.path.join(FOLDER, "installed"))
        return None
    said = [line for line in done.stderr.splitlines() if "ERR" in line or "error" in line]
    return f"npm cannot install what tests/npm pins: {(said or ['?'])[0].strip()}"


def missing():
    """Why the packages cannot be had, or None; FOLDER has them then."""
    for program in ("node", "npm"):
        if not shutil.which(program):
            return f"needs {program} (Debian: nodejs npm)"
    os.makedirs(FOLDER, exist_ok=True)
    with open(os.path.join(FOLDER, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two tests, one folder
        return None if is_current() else install()


def put_modules(folder):
    """Programs in `folder` find the packages."""
    os.symlink(os.path.join(FOLDER, "node_modules"), os.path.join(folder, "node_modules"))
