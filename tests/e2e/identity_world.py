"""A broker that takes boards by their certificates alone, and a hub that signs them.

`root` has signed the broker, the hub, the desk and the credential to claim with; `boards`
is the hub's own CA. The two rules for devices are the ones of docs/protocol.md.
"""
import os
import subprocess

from skerry_test import BIN, Part, is_listening, wait_until
from tls_world import TlsWorld

ACL = """pattern write skerry1/main/%u/up/#
pattern read skerry1/main/%u/dn/#
user hub
topic readwrite skerry1/#
user desk
topic readwrite skerry1/#
"""


class IdentityWorld(TlsWorld):
    def __init__(self, **pki):
        super().__init__(**pki)
        self.pki.authority("boards")
        self.boards_ca, self.boards_key = self.pki.cert_of("boards"), self.pki.path("boards", "key.pem")
        with open(self.pki.path("both.pem"), "w") as f:
            for name in ("root", "boards"):
                with open(self.pki.cert_of(name)) as one:
                    f.write(one.read())
        self.crl = None
        self.brokers = 0

    def start_broker(self, extra=""):
        acl = self.write("acl", ACL)
        cert, key = self.server
        config = self.write("mosquitto.conf", f"""per_listener_settings true
user root
set_tcp_nodelay true
listener {self.port} 127.0.0.1
allow_anonymous true
listener {self.tls_port} 127.0.0.1
cafile {self.pki.path("both.pem")}
certfile {cert}
keyfile {key}
require_certificate true
use_identity_as_username true
acl_file {acl}
{extra}
""")
        os.chmod(self.folder, 0o755)
        self.brokers += 1
        self.broker = Part("broker", ["/usr/sbin/mosquitto", "-c", config], self.folder)
        wait_until("the broker listens with TLS", 40, lambda: is_listening(self.tls_port))
        return self

    def start_hub(self, *more, signs=True):
        cert, key = self.client("hub")
        claim = self.client("claim")
        argv = [os.path.join(BIN, "skerry-hub"), "--db", self.db_path, "--broker",
                f"mqtts://{self.host}:{self.tls_port}", "--ca", self.ca, "--cert", cert, "--key", key,
                "--claim-cert", claim[0], "--claim-key", claim[1]]
        if signs:
            argv += ["--ca-cert", self.boards_ca, "--ca-key", self.boards_key]
        before = self.hub.log().count("connected broker") if self.hub else 0
        self.hub = Part("hub", [*argv, *more], self.folder)
        wait_until("the hub is connected", 40,
                   lambda: self.hub.log().count("connected broker") > before)
        return self

    def invite(self, name, *more):
        """The line for a board, without the words before it."""
        done = self.cli("device", "add", name, *more, check=0)
        words = done.stdout.split()
        assert words[:3] == ["sudo", "skerryd", "join"], done.stdout
        return words[3]

    def board(self, name):
        """A device whose configuration `join` writes."""
        d = self.device(name, tls_ca="", tls_cert="", tls_key="")
        d.config = os.path.join(d.folder, "skerryd.conf")
        d.identity = os.path.join(d.state_dir, "identity")
        return d

    def join_argv(self, d, line, *more):
        return [os.path.join(BIN, "skerryd"), "join", line, "--config", d.config,
                "--set", f"state_dir={d.state_dir}", "--set", f"run_dir={d.run_dir}",
                "--set", "allow_host_image=true", "--set", "telemetry_flush=1s", *more]

    def join(self, d, line, *more, check=0, stdin=None, seconds=60):
        done = subprocess.run(self.join_argv(d, line, *more), capture_output=True, text=True,
                              timeout=seconds, input=stdin)
        assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
        assert check is None or done.returncode == check, (done.returncode, done.stdout, done.stderr)
        return done

    def start(self, d, env=None):
        """The agent with the configuration that is there."""
        d.part = Part(d.name, [os.path.join(BIN, "skerryd"), "--config", d.config], self.folder, env)
        return d
