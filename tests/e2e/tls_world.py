"""A world whose broker speaks TLS and wants certificates; made by tests/e2e/pki.py."""
import os

from pki import Pki
from skerry_test import World, free_port, is_listening, wait_until


class TlsWorld(World):
    """The plain listener stays, for what a test itself publishes and hears."""

    def __init__(self, **pki):
        super().__init__()
        self.ports = {self.port}
        self.tls_port = self.another_port()
        self.host = "localhost"
        self.pki = Pki(os.path.join(self.folder, "pki"), **pki)
        self.ca = self.pki.cert_of("root")
        self.server = self.pki.issue("server")
        self.clients = {}

    def another_port(self):
        """What is free may be given out twice before anybody listens there."""
        port = free_port()
        while port in self.ports:
            port = free_port()
        self.ports.add(port)
        return port

    def listener(self, port, cert, key, extra="", ca=None):
        return (f"listener {port} 127.0.0.1\ncafile {ca or self.ca}\ncertfile {cert}\nkeyfile {key}\n"
                f"require_certificate true\n{extra}\n")

    def start_broker(self, extra="", listeners="", server=None):
        super().start_broker(f"set_tcp_nodelay true\n{extra}\n"
                             + self.listener(self.tls_port, *(server or self.server)) + listeners)
        wait_until("the broker listens with TLS", 40, lambda: is_listening(self.tls_port))
        return self

    def client(self, name, **how):
        """Certificate and key of a board, a hub or a desk."""
        if name not in self.clients:
            self.clients[name] = self.pki.issue(name, usage="clientAuth", san=None, **how)
        return self.clients[name]

    def broker_url(self):
        return f"mqtts://{self.host}:{self.relay.port if self.relay else self.tls_port}"

    def use_relay(self):
        super().use_relay()
        self.relay.to_port = self.tls_port
        return self.relay

    def device(self, name=None, **settings):
        name = name or f"t{os.getpid()}-{len(self.devices)}"
        cert, key = self.client(name)
        settings = {"tls_ca": self.ca, "tls_cert": cert, "tls_key": key, **settings}
        return super().device(name, **{k: v for k, v in settings.items() if v})

    def desk(self):
        cert, key = self.client("desk")
        return {"SKERRY_BROKER": f"mqtts://{self.host}:{self.tls_port}", "SKERRY_CA": self.ca,
                "SKERRY_CERT": cert, "SKERRY_KEY": key}
