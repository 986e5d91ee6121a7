"""Seals the corpus's inputs with PyNaCl and libsodium; README.md says when. Existing files are not touched.

/usr/bin/python3 -B tests/corpus/make_with_nacl.py
"""
import base64
import ctypes
import json
import pathlib
import sys

import nacl
from nacl.public import PrivateKey

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "interop"))
from sodium_peer import Salsa, XChaCha  # noqa: E402

FILES = HERE / "files"
XChaCha.library.sodium_version_string.restype = ctypes.c_char_p
MAKERS = {Salsa: "pynacl-" + nacl.__version__,
          XChaCha: "libsodium-" + XChaCha.library.sodium_version_string().decode()}


def public_key(name):
    pem = (FILES / f"{name}.pem").read_text(encoding="ascii").splitlines()
    der = base64.b64decode(pem[pem.index("-----BEGIN PRIVATE KEY-----") + 1])
    return bytes(PrivateKey(der[-32:]).public_key)


def write(name, box, extension, content):
    path = FILES / f"{name}.{box.format}.{MAKERS[box]}.{extension}"
    with open(path, "xb") as file:  # "x": fails when the file exists
        file.write(content)


KEYS = {name: public_key(name) for name in ("alice", "bob")}


def seal_records(box):
    out = ""
    for line in (FILES / "plain.ndjson").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        text = record.pop("msg", "").encode() or base64.b64decode(record.pop("msg_b64", ""))
        record["sealed"] = base64.b64encode(box.seal(KEYS[record["to"]], text)).decode()
        out += json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n"
    write("plain", box, "ndjson", out.encode())


def seal_lines(box):
    lines = (FILES / "messages.lines").read_bytes().split(b"\n")[:-1]
    write("messages", box, "lines",
          b"".join(base64.b64encode(box.seal(KEYS["alice"], line)) + b"\n" for line in lines))


def seal_len32(box):
    rest, out = (FILES / "messages.len32").read_bytes(), b""
    while rest:
        end = 4 + int.from_bytes(rest[:4], "little")
        sealed = box.seal(KEYS["bob"], rest[4:end])
        out += len(sealed).to_bytes(4, "little") + sealed
        rest = rest[end:]
    write("messages", box, "len32", out)


for kind in (Salsa, XChaCha):
    seal_records(kind)
    write("long", kind, "bin", kind.seal(KEYS["bob"], (FILES / "long.txt").read_bytes()))
seal_lines(XChaCha)
seal_len32(Salsa)
