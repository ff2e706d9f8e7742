"""Requests signed by an API key, as `oci` signs them: draft-cavage-http-signatures-08, for requests without a body."""

import base64
from configparser import ConfigParser
from configparser import Error as Unreadable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

_NEEDED = ("tenancy", "user", "fingerprint", "key_file")


class ProfileInvalid(Exception):
    """A profile cannot be used; the message says why."""


@dataclass(frozen=True)
class Profile:
    """One profile of a configuration file of `oci`."""

    tenancy: str
    key_id: str
    key: RSAPrivateKey

    @classmethod
    def read(cls, path: Path, name: str) -> Self:
        """Read a profile and its key. Raises ProfileInvalid."""
        # Of its own defaults ConfigParser makes a part of every other section: here DEFAULT is one of several.
        parser = ConfigParser(default_section="", interpolation=None)
        try:
            parser.read_string(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, Unreadable) as error:
            raise ProfileInvalid(f"{path} cannot be read: {error}") from error
        if not parser.has_section(name):
            raise ProfileInvalid(f"{path} has no profile {name}")
        values = dict(parser[name])
        if missing := [field for field in _NEEDED if not values.get(field)]:
            raise ProfileInvalid(f"the profile {name} of {path} has no {', '.join(missing)}")
        key_id = f"{values['tenancy']}/{values['user']}/{values['fingerprint']}"
        return cls(values["tenancy"], key_id, _key(Path(values["key_file"]).expanduser(), values.get("pass_phrase")))

    def sign(self, method: str, target: str, host: str, date: str, *, date_header: str = "date") -> dict[str, str]:
        """Return the headers of a request without a body."""
        signed = {date_header: date, "(request-target)": f"{method.lower()} {target}", "host": host}
        text = "\n".join(f"{name}: {value}" for name, value in signed.items())
        signature = base64.b64encode(self.key.sign(text.encode(), PKCS1v15(), SHA256())).decode()
        said = {
            "algorithm": "rsa-sha256",
            "headers": " ".join(signed),
            "keyId": self.key_id,
            "signature": signature,
            "version": "1",
        }
        fields = ",".join(f'{name}="{value}"' for name, value in said.items())
        return {"Host": host, date_header: date, "Authorization": f"Signature {fields}"}


def _key(path: Path, password: str | None) -> RSAPrivateKey:
    try:
        key = load_pem_private_key(path.read_bytes(), password.encode() if password else None)
    except (OSError, ValueError, TypeError) as error:  # TypeError: of a password that is missing, or one too many
        raise ProfileInvalid(f"{path} holds no key that can be read: {error}") from error
    if not isinstance(key, RSAPrivateKey):
        raise ProfileInvalid(f"{path} holds no RSA key")
    return key
