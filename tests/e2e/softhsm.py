"""A token in a folder (SoftHSM 2), and what its own tools do with it.

actor/counting_token.c may stand before it: it counts.
"""
import os
import shutil
import subprocess

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
PIN = "482913"
SO_PIN = "77105533"


def is_there():
    return shutil.which("softhsm2-util") is not None and os.path.exists(MODULE)


class Token:
    """A token `board` with a PIN in a file beside it."""

    def __init__(self, folder, label="board"):
        self.folder, self.label = folder, label
        self.store = os.path.join(folder, "tokens")
        os.makedirs(self.store)
        self.config = self.write("softhsm2.conf", f"directories.tokendir = {self.store}\n"
                                 "objectstore.backend = file\nlog.level = ERROR\n")
        self.env = {"SOFTHSM2_CONF": self.config}
        self.pin_file = self.write("pin", PIN + "\n")
        self.tool("--init-token", "--free", "--label", label, "--so-pin", SO_PIN, "--pin", PIN)

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path + ".new", "w", opener=lambda p, f: os.open(p, f, 0o600)) as f:
            f.write(text)
        os.replace(path + ".new", path)  # nobody reads half a PIN
        return path

    def tool(self, *args):
        done = subprocess.run(["softhsm2-util", *args], capture_output=True, text=True, timeout=60,
                              env={**os.environ, **self.env})
        assert done.returncode == 0, (args, done.stdout, done.stderr)

    def take(self, key, label, ident="01"):
        """Move a key's file into the token: the file goes."""
        pkcs8 = f"{key}.p8"
        subprocess.run(["openssl", "pkcs8", "-topk8", "-nocrypt", "-in", key, "-out", pkcs8],
                       check=True, capture_output=True, timeout=60)
        self.tool("--import", pkcs8, "--token", self.label, "--label", label, "--id", ident,
                  "--pin", PIN, "--force")
        os.remove(pkcs8)
        os.remove(key)
        return self.uri(label)

    def uri(self, label, **attributes):
        """Of a key; other attributes by their names, with _ for -."""
        path = {"token": self.label, "object": label}
        query = {"module_path": MODULE, "pin_source": self.pin_file}
        for name, value in attributes.items():
            (query if name in query else path)[name] = value
        def text(values, mark):
            return mark.join(f"{k.replace('_', '-')}={v}" for k, v in values.items() if v)
        return f"pkcs11:{text(path, ';')}?{text(query, '&')}"
