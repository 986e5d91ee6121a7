"""Sealed boxes of both kinds by PyNaCl and libsodium."""
import ctypes

import nacl._sodium
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox


class Salsa:
    """crypto_box_seal, as PyNaCl has it."""
    format = "sealedbox-salsa"

    @staticmethod
    def seal(public, text):
        return SealedBox(PublicKey(public)).encrypt(text)

    @staticmethod
    def open(secret, sealed):
        return SealedBox(PrivateKey(secret)).decrypt(sealed)


class XChaCha:
    """crypto_box_curve25519xchacha20poly1305_seal, which PyNaCl lacks: in the libsodium that PyNaCl has loaded."""
    format = "sealedbox"
    library = ctypes.CDLL(nacl._sodium.__file__)

    @classmethod
    def seal(cls, public, text):
        out = ctypes.create_string_buffer(len(text) + 48)
        code = cls.library.crypto_box_curve25519xchacha20poly1305_seal(
            out, text, ctypes.c_ulonglong(len(text)), public)
        if code != 0:
            raise CryptoError("not sealed")
        return out.raw

    @classmethod
    def open(cls, secret, sealed):
        public = bytes(PrivateKey(secret).public_key)
        out = ctypes.create_string_buffer(max(len(sealed) - 48, 0) + 1)
        code = cls.library.crypto_box_curve25519xchacha20poly1305_seal_open(
            out, sealed, ctypes.c_ulonglong(len(sealed)), public, secret)
        if code != 0:
            raise CryptoError("not opened")
        return out.raw[:-1]
