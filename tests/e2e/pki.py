"""A CA and certificates for one test, made with the openssl command in its folder.

    pki = Pki(folder)                       # "root", and "ca" below it, which signs
    cert, key = pki.issue("server", san="DNS:localhost")
    pki.revoke("server")
    crl = pki.crls("root", "ca")            # one file, as tls_crl wants it

    python3 pki.py FOLDER                   # the same for a test in C: see main()
"""
import datetime
import os
import shutil
import subprocess
import sys

CA_CONFIG = """[ca]
default_ca = it
[it]
dir = {folder}
database = {folder}/index
new_certs_dir = {folder}
certificate = {folder}/cert.pem
private_key = {folder}/key.pem
serial = {folder}/serial
crlnumber = {folder}/crlnumber
default_md = sha256
default_days = 365
default_crl_days = 30
unique_subject = no
policy = any
[any]
commonName = supplied
[req]
distinguished_name = name
[name]
"""
CA_EXTENSIONS = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign"


def is_there():
    return shutil.which("openssl") is not None


def read(path):
    with open(path) as f:
        return f.read()


def openssl(*args):
    done = subprocess.run(["openssl", *args], capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise AssertionError(f"openssl {' '.join(args)}: {done.stderr}")
    return done.stdout


class Pki:
    def __init__(self, folder, curve="prime256v1"):
        self.folder = folder
        self.curve = curve
        self.issued = {}
        self.above = {}  # an authority: the one above it
        os.makedirs(folder)
        self.authority("root")
        self.authority("ca", below="root")

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, name, text):
        with open(self.path(name), "w") as f:
            f.write(text)
        return self.path(name)

    def key(self, path, rsa=0):
        if rsa:
            openssl("genrsa", "-out", path, str(rsa))
        else:
            openssl("ecparam", "-name", self.curve, "-genkey", "-noout", "-out", path)
        os.chmod(path, 0o600)
        return path

    def authority(self, name, below=None):
        """A CA of this name; its own root, or below another."""
        home = self.path(name)
        self.above[name] = below
        os.makedirs(home)
        config = self.write(f"{name}/config", CA_CONFIG.format(folder=home))
        for file, text in (("index", ""), ("serial", "1000\n"), ("crlnumber", "01\n")):
            self.write(f"{name}/{file}", text)
        key, cert = self.key(f"{home}/key.pem"), f"{home}/cert.pem"
        if below:
            self.sign(below, name, key, cert, CA_EXTENSIONS)
        else:
            extensions = [f"-addext={line}" for line in CA_EXTENSIONS.split("\n")]
            openssl("req", "-x509", "-new", "-key", key, "-subj", f"/CN={name}", "-days", "3650",
                    "-config", config, *extensions, "-out", cert)

    def sign(self, issuer, name, key, cert, extensions, start=None, end=None):
        request = f"{cert}.csr"
        home = self.path(issuer)
        openssl("req", "-new", "-key", key, "-subj", f"/CN={name}", "-config", f"{home}/config",
                "-out", request)
        extfile = f"{cert}.ext"
        with open(extfile, "w") as f:
            f.write(f"[x]\n{extensions}\n")
        dates = (["-startdate", start] if start else []) + (["-enddate", end] if end else [])
        openssl("ca", "-batch", "-notext", "-config", f"{home}/config", "-in", request, "-out", cert,
                "-extfile", extfile, "-extensions", "x", *dates)

    def issue(self, name, issuer="ca", san="DNS:localhost,IP:127.0.0.1", usage="serverAuth",
              is_ca=False, start=None, end=None, cn=None, rsa=0):
        """A certificate with its intermediates behind it, and its key. Dates are YYYYMMDDHHMMSSZ."""
        key, leaf = self.key(self.path(f"{name}.key"), rsa), self.path(f"{name}.leaf")
        extensions = f"basicConstraints=critical,CA:{'TRUE' if is_ca else 'FALSE'}\n"
        extensions += f"subjectAltName={san}\n" if san else ""
        extensions += f"extendedKeyUsage={usage}\n" if usage else ""
        self.sign(issuer, cn or name, key, leaf, extensions, start, end)
        self.issued[name] = (issuer, leaf)
        return self.chain(name, leaf, issuer), key

    def issue_v1(self, name):
        """As a tool of the nineties would: without any extension."""
        key, leaf = self.key(self.path(f"{name}.key")), self.path(f"{name}.leaf")
        request, home = f"{leaf}.csr", self.path("ca")
        openssl("req", "-new", "-key", key, "-subj", "/CN=localhost", "-config", f"{home}/config",
                "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", f"{home}/cert.pem", "-CAkey", f"{home}/key.pem",
                "-CAcreateserial", "-days", "30", "-out", leaf)
        return self.chain(name, leaf, "ca"), key

    def chain(self, name, leaf, issuer):
        parts = [leaf]
        while self.above[issuer]:
            parts.append(self.cert_of(issuer))
            issuer = self.above[issuer]
        text = "".join(read(part) for part in parts)
        return self.write(f"{name}.pem", text)

    def cert_of(self, authority):
        return self.path(authority, "cert.pem")

    def revoke(self, name):
        issuer, leaf = self.issued[name]
        openssl("ca", "-config", self.path(issuer, "config"), "-revoke", leaf)

    def crls(self, *issuers, name="crl.pem", update=None, end=None):
        """The lists of these in one file, put in place at once."""
        text = ""
        for issuer in issuers:
            dates = (["-crl_lastupdate", update] if update else []) + (
                ["-crl_nextupdate", end] if end else [])
            out = self.path(issuer, "crl.pem")
            openssl("ca", "-gencrl", "-config", self.path(issuer, "config"), "-out", out, *dates)
            text += read(out)
        self.write(name + ".new", text)
        os.replace(self.path(name + ".new"), self.path(name))
        return self.path(name)


def main():
    """For tests/contract/test_tls.c: names there are names here."""
    pki = Pki(sys.argv[1])
    pki.issue("server")
    pki.issue("short", issuer="root")
    pki.issue("elsewhere", issuer="root", san="DNS:elsewhere.example,IP:192.0.2.1")
    pki.issue("wild", issuer="root", san="DNS:*.fleet.example,IP:::1,IP:192.0.2.7")
    pki.issue("client", usage="clientAuth", san=None)
    pki.issue("other", usage="clientAuth", san=None)
    pki.issue("ending", issuer="root", end=(datetime.datetime.utcnow() + datetime.timedelta(hours=12))
              .strftime("%Y%m%d%H%M%SZ"))
    pki.curve = "prime192v1"
    pki.issue("weak", issuer="root")
    pki.authority("frail", below="root")
    pki.curve = "prime256v1"
    pki.issue("below-frail", issuer="frail")
    pki.crls("root", "ca")
    pki.crls("root", name="half.pem")
    pki.revoke("server")
    pki.crls("root", "ca", name="revoked.pem")


if __name__ == "__main__":
    main()
