"""Brokers of other makers, each in a folder of its own and on free ports.

What an engine is started with is what docs/engines.md prints: its blocks are
taken out of the page, ports and paths are put in, and each line that speaks of
`drone-07` is repeated for each device. Everything is ended by its pid.
"""
import json
import os
import re
import shutil
import subprocess

import npm
from mqtt import Client
from pki import Pki
from skerry_test import BIN, SLOW, Part, Relay, World, free_port, is_listening, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
PAGE = os.path.join(HERE, "../../docs/engines.md")
SYSTEM = ("hub", "desk")  # users that are no devices


def blocks(page=PAGE):
    """{name: text} of the blocks that have a name behind their language."""
    with open(page) as f:
        found = re.findall(r"^```(\w+) ([\w-]+)\n(.*?)^```$", f.read(), re.M | re.S)
    return {name: body for _, name, body in found}


def for_devices(block, devices):
    """Each line that speaks of drone-07, once for each device."""
    lines = []
    for line in block.splitlines():
        lines += [line.replace("drone-07", d) for d in devices] if "drone-07" in line else [line]
    return "\n".join(lines) + "\n"


def secret(user):
    return f"secret-of-{user}"


class Ports:
    """Free ports, none of them twice."""

    def __init__(self):
        self.given = set()

    def another(self):
        for _ in range(100):
            port = free_port()
            if port not in self.given:
                self.given.add(port)
                return port
        raise AssertionError("no free port")


class Engine:
    """`port` speaks MQTT to who has a password, `tls_port` to who has a certificate."""

    programs = ()  # (program, Debian's package)
    start_seconds = 20

    @classmethod
    def missing(cls):
        """Why this engine cannot be had here, or None."""
        for program, package in cls.programs:
            if not cls.find(program):
                return f"needs {program} (Debian: {package})"
        return None

    @staticmethod
    def find(program):
        return shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/usr/lib/rabbitmq/bin")

    def __init__(self, folder, devices, pki=None):
        self.folder = os.path.join(folder, type(self).__name__.lower())
        os.makedirs(self.folder)
        self.devices = devices
        self.pki = pki
        self.blocks = blocks()
        self.ports = Ports()
        self.port, self.tls_port = self.ports.another(), self.ports.another()
        self.parts = []

    def write(self, name, text, mode=0o600):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def configured(self, name, **places):
        """The block of this name, with our devices and places."""
        text = for_devices(self.blocks[name], self.devices)
        for was, becomes in (("/etc/skerry", self.folder), ("0.0.0.0", "127.0.0.1"),
                             ("8883", str(self.tls_port)), ("1883", str(self.port))):
            text = text.replace(was, becomes)
        for was, becomes in places.items():
            text = text.replace(was, str(becomes))
        return text

    def put_certificates(self):
        cert, key = self.pki.issue("broker")
        for source, name in ((self.pki.cert_of("root"), "ca.pem"), (cert, "broker.pem"),
                             (key, "broker.key")):
            shutil.copy(source, os.path.join(self.folder, name))

    def start(self):
        self.prepare()
        self.launch()
        return self

    def prepare(self):
        """Files that the engine finds at each of its starts."""

    def launch(self):
        raise NotImplementedError

    def wait_listening(self, *ports):
        for port in ports or (self.port,):
            wait_until(f"{type(self).__name__} listens on {port}", self.start_seconds, lambda: (
                is_listening(port) or self.fail_if_dead()))

    def fail_if_dead(self):
        for part in self.parts:
            if not part.is_alive():
                raise AssertionError(f"{part.log_path}: it has ended\n{part.log()[-3000:]}")

    def part(self, name, argv, env=None):
        part = Part(name, argv, self.folder, env)
        self.parts.append(part)
        return part

    def restart(self):
        self.end()
        self.launch()

    def end(self):
        for part in reversed(self.parts):
            if part.is_alive():
                part.end(seconds=30)
        self.parts = []

    def close(self):
        """Whatever state it is in, nothing of it goes on."""
        for part in reversed(self.parts):
            if part.is_alive():
                part.kill()
        self.parts = []


class Mosquitto(Engine):
    programs = (("mosquitto", "mosquitto"), ("mosquitto_passwd", "mosquitto"))

    def prepare(self):
        self.put_certificates()
        self.write("acl", self.configured("mosquitto-acl"))
        # Started by root it would become the user mosquitto, who cannot read a test's folder.
        self.config = self.write("mosquitto.conf", "user root\n" + self.configured("mosquitto-conf"))
        users = self.configured("mosquitto-users")
        subprocess.run(["sh", "-e", "-c", users], check=True, timeout=60 * SLOW)

    def launch(self):
        self.part("mosquitto", [self.find("mosquitto"), "-c", self.config])
        self.wait_listening(self.port, self.tls_port)


class Nats(Engine):
    """Certificates and passwords exclude each other: its MQTT has one listener."""

    programs = (("nats-server", "nats-server"),)
    by_certificate = False

    def prepare(self):
        self.nats_port = self.ports.another()
        config = self.configured("nats", **{"4222": self.nats_port})
        if self.by_certificate:
            self.put_certificates()
            config = re.sub(r"password: \S+, ", "", config)
        config += self.configured("nats-mqtts" if self.by_certificate else "nats-mqtt")
        self.config = self.write("nats.conf", config)

    def launch(self):
        self.part("nats", [self.find("nats-server"), "-c", self.config])
        self.wait_listening(self.tls_port if self.by_certificate else self.port)


class NatsTls(Nats):
    by_certificate = True


class RabbitMq(Engine):
    """One node, or several that are a cluster; epmd is our own, on a port of our own."""

    programs = (("rabbitmq-server", "rabbitmq-server"), ("epmd", "erlang-base"))
    start_seconds = 90
    SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server"  # Debian's /usr/sbin has one that changes users

    def __init__(self, folder, devices, pki=None, nodes=1):
        super().__init__(folder, devices, pki)
        self.epmd_port = self.ports.another()
        self.node_ports = [self.port] + [self.ports.another() for _ in range(nodes - 1)]
        self.names = [f"skerry-{chr(ord('a') + i)}@localhost" for i in range(nodes)]

    def prepare(self):
        if self.pki:
            self.put_certificates()
        self.write("definitions.json", self.configured("rabbitmq-definitions"))
        self.write("enabled_plugins", self.configured("rabbitmq-plugins"))
        self.write(".erlang.cookie", "SKERRYTEST", 0o400)

    def environment(self, i):
        home = os.path.join(self.folder, f"node-{i}")
        os.makedirs(home, exist_ok=True)
        return {"HOME": self.folder, "RABBITMQ_NODENAME": self.names[i],
                "RABBITMQ_MNESIA_BASE": home, "RABBITMQ_LOG_BASE": home, "RABBITMQ_LOGS": "-",
                "RABBITMQ_CONFIG_FILE": os.path.join(self.folder, f"rabbitmq-{i}.conf"),
                "RABBITMQ_CONF_ENV_FILE": "/dev/null",
                "RABBITMQ_ENABLED_PLUGINS_FILE": os.path.join(self.folder, "enabled_plugins"),
                "RABBITMQ_PID_FILE": os.path.join(home, "pid"),
                "RABBITMQ_DIST_PORT": str(self.ports.another()),
                "ERL_EPMD_PORT": str(self.epmd_port), "ERL_EPMD_ADDRESS": "127.0.0.1",
                "RUNNING_UNDER_SYSTEMD": "1",  # the pid is the server's, not that of a shell before it
                "NOTIFY_SOCKET": "",
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS":
                    "-start_epmd false +S 1:1 +SDio 1 +sbwt none +sbwtdcpu none +sbwtdio none"}

    def write_config(self, i):
        config = self.configured("rabbitmq-conf") + self.more_config(i)
        if i:  # the first one has the ports of the page's
            for port, own in ((self.port, self.node_ports[i]), (self.tls_port, self.ports.another())):
                config = config.replace(f":{port}", f":{own}")
        self.write(f"rabbitmq-{i}.conf", config)

    def more_config(self, i):
        # No AMQP client comes here; a board's disk is not this machine's.
        lines = ["listeners.tcp = none", "disk_free_limit.absolute = 50MB"]
        if i:
            lines.append("cluster_formation.peer_discovery_backend = classic_config")
            lines += [f"cluster_formation.classic_config.nodes.{n} = {name}"
                      for n, name in enumerate(self.names)]
        return "\n".join(lines) + "\n"

    def launch(self):
        self.part("epmd", [self.find("epmd"), "-port", str(self.epmd_port), "-address", "127.0.0.1"])
        self.nodes = []
        wait_until("epmd listens", 40, lambda: is_listening(self.epmd_port))
        # One after the other: the plugin's list of client ids is kept by a quorum of its own, and
        # nodes that come up at the same moment do not always find each other for it.
        for i in range(len(self.names)):
            self.write_config(i)
            self.nodes.append(self.part(f"rabbit-{i}", [self.SERVER], self.environment(i)))
            self.wait_started(i)

    def wait_started(self, i):
        """It listens before it knows its users."""
        self.wait_listening(self.node_ports[i])
        wait_until(f"node {i} has started", self.start_seconds, lambda: (
            "Server startup complete" in self.nodes[i].log() or self.fail_if_dead()))


class Aedes(Engine):
    """A broker in node, from npm: what the page prints is the whole of it."""

    @classmethod
    def missing(cls):
        return npm.missing()

    def prepare(self):
        npm.put_modules(self.folder)
        self.program = self.write("broker.mjs", self.configured("aedes"))

    def launch(self):
        self.part("aedes", ["node", "--no-warnings", self.program])
        self.wait_listening()


class EngineWorld(World):
    """A world whose broker is one of these. Everybody has a password; a device may have a
    certificate instead. The hub and desks come by `front`, devices by `relay`: as through a
    balancer, which may send them to another node."""

    def __init__(self, engine, names, **more):
        super().__init__()
        self.pki = Pki(os.path.join(self.folder, "pki"))
        self.engine = engine(self.folder, list(names), self.pki, **more)
        self.port = self.engine.port
        self.certificates = {}
        self.relay = Relay(self.port)
        self.front = Relay(self.port)

    def certificate(self, name):
        """Certificate and key of a device, a hub or a desk."""
        if name not in self.certificates:
            self.certificates[name] = self.pki.issue(name, usage="clientAuth", san=f"DNS:{name}")
        return self.certificates[name]

    def start_broker(self, extra=""):
        self.engine.start()
        return self

    def url(self, user, port):
        return f"mqtt://{user}:{secret(user)}@127.0.0.1:{port}"

    def desk(self, user="desk"):
        return {"SKERRY_BROKER": self.url(user, self.front.port)}

    def start_hub(self):
        before = self.hub.log().count("connected broker") if self.hub else 0
        self.hub = Part("hub", [os.path.join(BIN, "skerry-hub"), "--db", self.db_path], self.folder,
                        self.desk("hub"))
        self.wait_hub_connected(before)
        return self

    def wait_hub_connected(self, times_before):
        wait_until("the hub is connected", 60, lambda: (
            self.hub.log().count("connected broker") > times_before))

    def restart_engine(self):
        before = self.hub.log().count("connected broker")
        self.engine.restart()
        self.wait_hub_connected(before)

    def device(self, name, **settings):
        return super().device(name, **{"broker": self.url(name, self.relay.port), **settings})

    def device_with_certificate(self, name, **settings):
        cert, key = self.certificate(name)
        return self.device(name, **{"broker": f"mqtts://localhost:{self.engine.tls_port}",
                                    "tls_ca": self.pki.cert_of("root"), "tls_cert": cert,
                                    "tls_key": key, **settings})

    def client(self):
        word = os.urandom(4).hex()
        return Client(self.front.port, f"desk-{word}", "desk", secret("desk"))

    def publish(self, rest, payload, retain=False, qos=1):
        c = self.client()
        c.publish(f"skerry1/main/{rest}", json.dumps(payload), retain, qos)
        c.vanish()

    def retained(self, rest):
        """What the broker keeps at this very topic, as JSON, or None."""
        c = self.client()
        topic = f"skerry1/main/{rest}"
        echo = f"skerry1/main/{os.urandom(4).hex()}/dn/echo"
        c.subscribe(topic, echo)
        c.publish(echo, "done")
        c.wait_for(echo, "done")
        c.vanish()
        return next((json.loads(m[1]) for m in c.heard(topic) if m[1]), None)

    def move_to(self, port):
        """Whoever is connected is not any more, and comes to another node."""
        for relay in (self.relay, self.front):
            relay.to_port = port
            relay.cut()

    def close(self):
        try:
            self.engine.close()
        finally:
            self.front.close()
            super().close()
