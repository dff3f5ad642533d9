"""What an operator does with openssl and base64 alone: keys, trust documents, envelopes."""
import base64
import hashlib
import json
import os
import subprocess


def run(*argv, text=b""):
    return subprocess.run(argv, input=text, check=True, capture_output=True).stdout


class Signer:
    """Keys by name, in a folder."""

    def __init__(self, folder, *names):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        for name in names:
            self.make(name)

    def make(self, name):
        run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out",
            self.path(name))
        run("openssl", "pkey", "-in", self.path(name), "-pubout", "-out", self.public(name))

    def path(self, name):
        return os.path.join(self.folder, f"{name}.pem")

    def public(self, name):
        return os.path.join(self.folder, f"{name}.pub.pem")

    def der(self, name):
        return run("openssl", "pkey", "-in", self.path(name), "-pubout", "-outform", "DER")

    def id(self, name):
        return hashlib.sha256(self.der(name)).hexdigest()

    def sigs(self, content, *names):
        return [{"key": self.id(n), "sig": base64.b64encode(
            run("openssl", "dgst", "-sha256", "-sign", self.path(n), text=content)).decode()}
            for n in names]

    def envelope(self, payload, *names, **beside):
        if isinstance(payload, dict):
            payload = json.dumps(payload)
        content = payload.encode()
        return {"payload": base64.b64encode(content).decode(), "sigs": self.sigs(content, *names),
                **beside}

    def trust(self, version, root, state, artifact, threshold=2, fleet="main"):
        names = dict.fromkeys([*root, *state, *artifact])
        role = lambda keys, n=1: {"threshold": n, "keys": [self.id(k) for k in keys]}
        return {"apiVersion": "skerry.dev/v1", "kind": "Trust", "fleet": fleet, "version": version,
                "issued": "2026-11-26T00:00:00Z", "expires": "2096-11-26T00:00:00Z",
                "keys": {self.id(n): base64.b64encode(self.der(n)).decode() for n in names},
                "roles": {"root": role(root, threshold), "state": role(state),
                          "artifact": role(artifact)}}

    def give(self, trust, role, *names, threshold=1):
        """Give a role of a trust document to keys."""
        for n in names:
            trust["keys"][self.id(n)] = base64.b64encode(self.der(n)).decode()
        trust["roles"][role] = {"threshold": threshold, "keys": [self.id(n) for n in names]}
        return trust

    def verify(self, envelope, name):
        """The payload, if openssl says that the key has signed it."""
        content = base64.b64decode(envelope["payload"])
        sig = os.path.join(self.folder, "sig")
        with open(sig, "wb") as f:
            f.write(base64.b64decode(envelope["sigs"][0]["sig"]))
        run("openssl", "dgst", "-sha256", "-verify", self.public(name), "-signature", sig,
            text=content)
        return content
