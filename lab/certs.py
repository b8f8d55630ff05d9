"""The certificates of the lab, made once for all cases of a run."""
import os
import pathlib
import subprocess

HOSTS = "DNS:mail.you.test,DNS:you.test,DNS:smtp.other.test,DNS:smtp.isp.test,DNS:web.test"
# name: (signed by, subject, names, first day, last day); days are UTCTime, None: from yesterday for a month
LEAVES = {
    "good": ("ca", "mail.you.test", HOSTS, None),
    "othername": ("ca", "host2.provider.test", "DNS:host2.provider.test", None),
    "expired": ("ca", "mail.you.test", HOSTS, ("200101000000Z", "210101000000Z")),
    "early": ("ca", "mail.you.test", HOSTS, ("470101000000Z", "480101000000Z")),
    "shield": ("shield", "mail.you.test", HOSTS, None),
    "isp": ("ca", "smtp.isp.test", "DNS:smtp.isp.test", None),
    "portal": ("portal", "login.portal.test", "DNS:login.portal.test", None),
}
SELF = {"self": ("mail.you.test", HOSTS)}
AUTHORITIES = {"ca": "Lab CA", "shield": "Mail Shield", "portal": "Portal"}

CA_CONF = """[ca]
default_ca = it
[it]
database = {folder}/index
new_certs_dir = {folder}
rand_serial = yes
unique_subject = no
default_md = sha256
policy = any
copy_extensions = copy
default_days = 30
[any]
commonName = supplied
"""


def _openssl(*argv):
    subprocess.run(["openssl", *map(str, argv)], check=True, capture_output=True)


def _key(folder, name):
    _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", folder / f"{name}.key")


def _leaf(folder, name, by, subject, names, days):
    _key(folder, name)
    _openssl("req", "-new", "-key", folder / f"{name}.key", "-subj", f"/CN={subject}", "-addext", f"subjectAltName={names}",
             "-out", folder / f"{name}.csr")
    _openssl("ca", "-batch", "-notext", "-config", folder / "ca.conf", "-cert", folder / f"{by}-ca.pem", "-keyfile",
             folder / f"{by}-ca.key", "-in", folder / f"{name}.csr", "-out", folder / f"{name}.crt",
             *(("-startdate", days[0], "-enddate", days[1]) if days else ()))


def _self_signed(folder, name, subject, *more):
    _key(folder, name)
    _openssl("req", "-x509", "-key", folder / f"{name}.key", "-days", "30", "-subj", f"/CN={subject}",
             "-out", folder / f"{name}.crt", *more)


def make(folder):
    """folder/NAME.crt and .key for each name, NAME.pem with both; folder/ca-ca.pem is what the laptop trusts."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / "done").exists():
        return folder
    (folder / "ca.conf").write_text(CA_CONF.format(folder=folder))
    (folder / "index").touch()
    for name, subject in AUTHORITIES.items():
        _self_signed(folder, f"{name}-ca", subject)
        os.rename(folder / f"{name}-ca.crt", folder / f"{name}-ca.pem")
    for name, (by, subject, names, days) in LEAVES.items():
        _leaf(folder, name, by, subject, names, days)
    for name, (subject, names) in SELF.items():
        _self_signed(folder, name, subject, "-addext", f"subjectAltName={names}")
    for name in [*LEAVES, *SELF]:
        # Postfix wants the key first, or it goes without TLS.
        (folder / f"{name}.pem").write_text((folder / f"{name}.key").read_text() + (folder / f"{name}.crt").read_text())
        (folder / f"{name}.key").chmod(0o600)
    (folder / "done").touch()
    return folder
