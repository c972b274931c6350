"""Where a measurement was made: the machine, and the versions of what was measured."""
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path


def _read(path):
    try:
        return Path(path).read_text().strip()
    except OSError:
        return None


def output(*argv):
    """What a command says on either stream, or None when it cannot be run."""
    if not shutil.which(argv[0]):
        return None
    try:
        r = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, stdin=subprocess.DEVNULL, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return r.stdout.strip()


def processors():
    """Which processors this process may use."""
    return sorted(os.sched_getaffinity(0))


def facts():
    info = _read("/proc/cpuinfo") or ""
    model = re.search(r"^model name\s*:\s*(.*)", info, re.M)
    memory = re.search(r"^MemTotal:\s*(\d+)", _read("/proc/meminfo") or "", re.M)
    release = re.search(r'^PRETTY_NAME="(.*)"', _read("/etc/os-release") or "", re.M)
    siblings = _read("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list")
    return {
        "cpu": model[1] if model else platform.machine(),
        "processors": os.cpu_count(),
        "siblings_of_cpu0": siblings,
        "governor": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "memory_mib": int(memory[1]) // 1024 if memory else None,
        "kernel": platform.release(),
        "system": release[1] if release else None,
        "hypervisor": "hypervisor" in info,
        "aes": bool(re.search(r"\baes\b", info)),
    }


def package_version(package):
    v = output("dpkg-query", "-W", "-f", "${Version}", package)
    return v if v and " " not in v else None


def libraries():
    """Libraries that decide what TLS and HTTP/2 cost."""
    names = ("libssl3", "libnghttp2-14", "libevent-core-2.1-7", "libhiredis0.14", "libjwt0", "libc6")
    return {n: v for n in names if (v := package_version(n))}


def load():
    return os.getloadavg()[0]


def established(port):
    """The inodes of sockets on a local port of IPv4 that have a peer."""
    found = set()
    for line in (_read("/proc/net/tcp") or "").splitlines()[1:]:
        part = line.split()
        if part[3] == "01" and int(part[1].split(":")[1], 16) == port:
            found.add(part[9])
    return found


def busy_seconds(cpu):
    """Time in which a processor was not idle since the machine started, time stolen by the host included."""
    line = re.search(rf"^cpu{cpu} (.*)$", _read("/proc/stat") or "", re.M)
    if not line:
        return 0.0
    ticks = [int(t) for t in line[1].split()]
    return (sum(ticks[:8]) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")
