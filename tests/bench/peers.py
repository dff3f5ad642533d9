"""Other ways to run a program apart, with walls like ours where they can have them.

crun and runc get a bundle that says what docs/security.md says of a workload: own user,
no capability, no_new_privs, the same list of system calls, a read-only root, private
/tmp, /dev and /run, the same parts of /proc covered, limits of memory, processor and
processes. bubblewrap has no limits and no list of its own. All are Debian's.

Neither runs in cgroups where v2 is mounted beside v1: there they are given a mount name
space in which v2 is covered, and both use v1. Nothing of ours runs in it.
"""
import json
import os
import re
import shutil
import subprocess

from bench import ROOT

UID = 65001
UNIFIED = "/sys/fs/cgroup/unified"
CLONE_NAMESPACES = 0x7E020000
TIOCSTI = 0x5412
ENOSYS = 38


def allowed_calls():
    """Our own list; a name with a condition ends in a question mark."""
    with open(os.path.join(ROOT, "ports/linux/seccomp/allowed")) as f:
        return re.sub(r"#.*", "", f.read()).split()


def seccomp():
    def rule(name, *args, action="SCMP_ACT_ALLOW", **more):
        return {"names": [name], "action": action, "args": list(args), **more}

    def argument(op, value, second=0, index=0):
        return {"index": index, "value": value, "valueTwo": second, "op": op}

    # The conditions of ports/linux/seccomp/generate, as far as libseccomp can say them.
    return {"defaultAction": "SCMP_ACT_ERRNO", "architectures": [
        {"x86_64": "SCMP_ARCH_X86_64", "aarch64": "SCMP_ARCH_AARCH64"}[os.uname().machine]],
        "syscalls": [
            {"names": [n for n in allowed_calls() if not n.endswith("?")],
             "action": "SCMP_ACT_ALLOW"},
            rule("clone", argument("SCMP_CMP_MASKED_EQ", CLONE_NAMESPACES)),
            rule("clone3", action="SCMP_ACT_ERRNO", errnoRet=ENOSYS),
            rule("personality", argument("SCMP_CMP_EQ", 0)),
            rule("personality", argument("SCMP_CMP_EQ", 0xFFFFFFFF)),
            rule("ioctl", argument("SCMP_CMP_NE", TIOCSTI, index=1)),
            *[rule(name, argument("SCMP_CMP_EQ", family))
              for name in ("socket", "socketpair") for family in (1, 2, 10)]]}


def config(root, argv):
    def tmpfs(target, *options):
        return {"destination": target, "type": "tmpfs", "source": "tmpfs",
                "options": ["nosuid", "nodev", *options]}

    return {
        "ociVersion": "1.0.2",
        "process": {"user": {"uid": UID, "gid": UID}, "args": argv, "env": ["PATH=/"], "cwd": "/",
                    "capabilities": {kind: [] for kind in (
                        "bounding", "effective", "permitted", "inheritable", "ambient")},
                    "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 256, "soft": 256},
                                {"type": "RLIMIT_CORE", "hard": 0, "soft": 0}],
                    "noNewPrivileges": True},
        "root": {"path": root, "readonly": True},
        "hostname": "bench",
        "mounts": [{"destination": "/proc", "type": "proc", "source": "proc",
                    "options": ["nosuid", "nodev", "noexec"]},
                   {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
                    "options": ["nosuid", "noexec", "mode=755", "size=64k"]},
                   tmpfs("/dev/shm", "mode=1777", "size=1m"), tmpfs("/tmp", "mode=1777", "size=1m"),
                   tmpfs("/run", "mode=755", "size=1m")],
        "linux": {
            "cgroupsPath": f"/skerry-peer-{os.getpid()}",
            "resources": {"memory": {"limit": 32 << 20}, "cpu": {"quota": 100000, "period": 100000},
                          "pids": {"limit": 32}, "devices": [{"allow": False, "access": "rwm"}]},
            "namespaces": [{"type": t} for t in ("pid", "mount", "ipc", "uts")],
            "seccomp": seccomp(),
            "maskedPaths": [f"/proc/{name}" for name in (
                "kcore", "keys", "latency_stats", "timer_list", "timer_stats", "sched_debug",
                "sysrq-trigger", "interrupts", "kallsyms", "cmdline", "acpi", "asound", "scsi")],
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"]}}


def default_config(runtime, folder, root, argv):
    """What `RUNTIME spec` writes, with our program in it and without a terminal."""
    os.makedirs(folder, exist_ok=True)
    subprocess.run([runtime, "spec"], cwd=folder, check=True)
    with open(os.path.join(folder, "config.json")) as f:
        said = json.load(f)
    said["process"].update(terminal=False, args=argv)
    said["root"]["path"] = root
    return said


def bundle(folder, said):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump(said, f)
    return folder


def bubblewrap(root, argv):
    return [shutil.which("bwrap"), "--unshare-all", "--ro-bind", root, "/", "--proc", "/proc", "--dev",
            "/dev", "--tmpfs", "/tmp", "--uid", str(UID), "--gid", str(UID), *argv]


def runtime(name, folder):
    """crun or runc, running a bundle once."""
    return [shutil.which(name), "run", "--bundle", folder, f"skerry-peer-{os.getpid()}-{name}"]


def present():
    return [name for name in ("crun", "runc", "bwrap") if shutil.which(name)]


class Mounts:
    """The mount name space of the peers, while a `with` lasts."""

    def __enter__(self):
        cover = f"mount -t tmpfs cover {UNIFIED} &&" if os.path.ismount(UNIFIED) else ""
        self.holder = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", f"{cover} echo up; read end"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.holder.stdout.readline() != "up\n":
            raise RuntimeError("no mount name space for the peers")
        self.path = f"/proc/{self.holder.pid}/ns/mnt"
        self.covered = bool(cover)
        return self

    def enter(self, argv):
        return ["nsenter", f"--mount={self.path}", *argv]

    def __exit__(self, *_):
        self.holder.stdin.close()
        self.holder.wait()
