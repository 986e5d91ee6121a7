"""PyNaCl and libsodium open megaseal's sealed boxes, and seal for it: sodium_test.py DRIVER MEGASEAL CASE."""
import base64
import json
import os
import random
import subprocess
import sys
import tempfile

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey

from sodium_peer import Salsa, XChaCha

DRIVER, MEGASEAL, CASE = sys.argv[1:]
SEED = os.environ.get("MEGASEAL_TEST_SEED") or str(random.SystemRandom().getrandbits(48))
print(f"MEGASEAL_TEST_SEED={SEED} repeats these inputs (ephemeral keys are drawn anew)")
RANDOM = random.Random(SEED)
LENGTHS = [*range(0, 70), 95, 96, 97, 127, 128, 129, 255, 256, 257, 1000, 4096, 60000]


class Key:
    """A key of PyNaCl's, in a file that the command reads."""

    def __init__(self, name):
        self.secret = RANDOM.randbytes(32)
        self.public = bytes(PrivateKey(self.secret).public_key)
        self.text = base64.b64encode(self.public).decode()
        self.file = name + ".pem"
        der = bytes.fromhex("302e020100300506032b656e04220420") + self.secret
        with open(os.open(self.file, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="ascii") as file:
            text = base64.b64encode(der).decode()
            file.write(f"-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")


def refuses(function, *arguments):
    try:
        function(*arguments)
    except CryptoError:
        return True
    return False


def flipped(sealed, at):
    return sealed[:at] + bytes([sealed[at] ^ 1 << RANDOM.randrange(8)]) + sealed[at + 1:]


def command(want, arguments, records):
    """What the command writes, as objects; anything but the exit code `want` is a failure."""
    text = "".join(json.dumps(record) + "\n" for record in records)
    done = subprocess.run([MEGASEAL, *arguments], input=text.encode(), capture_output=True, check=False)
    assert done.returncode == want, f"exit {done.returncode}: {done.stderr.decode()}"
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


def driver(request):
    line = json.dumps(request) + "\n"
    done = subprocess.run([DRIVER], input=line.encode(), capture_output=True, check=True)
    answer = json.loads(done.stdout)
    assert "error" not in answer, answer
    return answer


def message_record(text):
    try:
        return {"msg": text.decode()}
    except UnicodeDecodeError:
        return {"msg_b64": base64.b64encode(text).decode()}


def message(record):
    return record["msg"].encode() if "msg" in record else base64.b64decode(record["msg_b64"])


def sealed_record(sealed):
    return {"sealed": base64.b64encode(sealed).decode()}


def some_texts():
    unicode = "Grüße, 世界, 👋 \0 \"quoted\" \\ \n".encode()
    return [b"", b"meet at noon", unicode, *(RANDOM.randbytes(n) for n in LENGTHS)]


def we_seal_they_open(box):
    keys = [Key("a"), Key("b"), Key("c")]
    texts = some_texts()
    records = [{"to": keys[i % 3].text, "id": i, **message_record(text)} for i, text in enumerate(texts)]
    sealed = command(0, ["seal", "--format", box.format], records)
    assert [record["id"] for record in sealed] == list(range(len(texts)))
    for i, text in enumerate(texts):
        assert box.open(keys[i % 3].secret, base64.b64decode(sealed[i]["sealed"])) == text, i
    # And by the library itself, one batch of many lengths.
    answer = driver({"op": "seal", "format": box.format, "public": keys[0].public.hex(),
                     "messages": [text.hex() for text in texts]})
    assert [box.open(keys[0].secret, bytes.fromhex(s)) for s in answer["sealed"]] == texts


def they_seal_we_open(box):
    keys = [Key("a"), Key("b"), Key("c")]
    texts = some_texts()
    sealed = [box.seal(keys[i % 3].public, text) for i, text in enumerate(texts)]
    identities = [word for key in keys for word in ("-i", key.file)]
    opened = command(0, ["open", "--format", box.format, *identities], map(sealed_record, sealed))
    assert [message(record) for record in opened] == texts
    answer = driver({"op": "open", "format": box.format, "secret": keys[0].secret.hex(),
                     "sealed": [s.hex() for s in sealed]})
    assert answer["opened"] == [text.hex() if i % 3 == 0 else None for i, text in enumerate(texts)]


def altered_is_refused(box, other_box):
    key, other = Key("a"), Key("b")
    text = RANDOM.randbytes(100)
    [ours] = command(0, ["seal", "--format", box.format, "-r", key.text], [message_record(text)])
    for sealed in (base64.b64decode(ours["sealed"]), box.seal(key.public, text)):
        assert box.open(key.secret, sealed) == text
        altered = [flipped(sealed, at) for at in (0, 15, 31, 32, 47, 48, 63, 64, 120, len(sealed) - 1)]
        altered += [sealed[:-1], sealed + b"\0", sealed[:48], sealed[:47], b"", bytes(32) + sealed[32:]]
        assert all(refuses(box.open, key.secret, one) for one in altered)
        assert refuses(box.open, other.secret, sealed)
        assert refuses(other_box.open, key.secret, sealed)
        records = [sealed_record(one) for one in [*altered, sealed]]
        opened = command(4, ["open", "--format", box.format, "-i", key.file], records)
        assert [message(record) for record in opened] == [text]
        assert command(4, ["open", "--format", box.format, "-i", other.file], [sealed_record(sealed)]) == []
        assert command(4, ["open", "--format", other_box.format, "-i", key.file], [sealed_record(sealed)]) == []


def test_salsa_we_seal_they_open():
    we_seal_they_open(Salsa)


def test_salsa_they_seal_we_open():
    they_seal_we_open(Salsa)


def test_salsa_altered_is_refused():
    altered_is_refused(Salsa, XChaCha)


def test_xchacha_we_seal_they_open():
    we_seal_they_open(XChaCha)


def test_xchacha_they_seal_we_open():
    they_seal_we_open(XChaCha)


def test_xchacha_altered_is_refused():
    altered_is_refused(XChaCha, Salsa)


with tempfile.TemporaryDirectory() as directory:
    os.chdir(directory)
    globals()["test_" + CASE]()
    os.chdir("/")
