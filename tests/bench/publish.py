"""From the publish of a desired state to the workload's first line; tests/bench/launch says the parts."""
import json
import os
import select
import subprocess
import time

from bench import Bench, Publisher, metric, p50, pod, wait_until

RUNS = 20
CLOCK = ("/bin/date", "+%s%N")


def floor_ms():
    began = time.time_ns()
    read, write = os.pipe()
    pid = os.posix_spawn(CLOCK[0], CLOCK, os.environ,
                         file_actions=[(os.POSIX_SPAWN_DUP2, write, 1)])
    os.waitpid(pid, 0)
    os.close(write)
    line = os.read(read, 64)
    os.close(read)
    return (int(line) - began) / 1e6


def round_trip_ms(b):
    name = b.device.name
    listener = subprocess.Popen(
        ["mosquitto_sub", "-p", str(b.world.port), "-t", f"skerry1/main/{name}/up/res/bench"],
        stdout=subprocess.PIPE)
    sender = Publisher(b.world.port)
    times = []
    try:
        wait_until("the listener hears", 10, lambda: ping(b, sender, listener))
        for _ in range(RUNS):
            times.append(ping(b, sender, listener))
    finally:
        listener.kill()
        listener.wait()
        sender.s.close()
    return p50(times)


def ping(b, sender, listener):
    began = time.time_ns()
    sender.publish(f"skerry1/main/{b.device.name}/dn/cmd/ping",
                   json.dumps({"v": 1, "id": "p", "re": "bench", "args": {}}).encode())
    if not select.select([listener.stdout], [], [], 0.5)[0]:
        return 0
    listener.stdout.readline()
    return (time.time_ns() - began) / 1e6


def switched_ms(b, generation):
    def there():
        for e in (b.device.status() or {}).get("events", []):
            if e["reason"] == "Switched" and e["object"] == f"generation/{generation}":
                return e["t"]
        return None
    return wait_until("it has switched", 10, there)


def measure_publish():
    """Prints the parts; the ratios are for the caller to print last."""
    totals, stores, launches = [], [], []
    with Bench() as b:
        network = round_trip_ms(b) / 2
        sender = Publisher(b.world.port)
        for _ in range(RUNS):
            b.deploy()
            b.generation += 1
            body = b.world.desired(b.device, b.generation, [
                pod("clock", "/bin/sh", "-c", "date +%s%N; exec sleep 1000")], healthyFor="100ms")
            began = sender.publish(f"skerry1/main/{b.device.name}/dn/desired",
                                   json.dumps(body).encode())
            ran = int(b.device.wait_line("clock/main", r"^(\d{19})$").group(1))
            switched = switched_ms(b, b.generation)
            totals.append((ran - began) / 1e6)
            stores.append(switched - began / 1e6 - network)
            launches.append(ran / 1e6 - switched)
            b.device.wait_phase("Available", b.generation)
        floors = [floor_ms() for _ in range(RUNS)]

    metric("publish_to_first_line", p50(totals), "ms")
    metric("network", network, "ms")
    metric("store", p50(stores), "ms")
    metric("launch", p50(launches), "ms")
    metric("floor_posix_spawn", p50(floors), "ms")
    return [("launch_to_posix_spawn", p50(launches), p50(floors))]
