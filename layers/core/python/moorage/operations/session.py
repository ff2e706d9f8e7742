"""Sessions: a key pair of its own that signs requests for a while, for a user or for a machine."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from moorage.domain.access import Principal, PrincipalKind
from moorage.domain.directory import State, User
from moorage.domain.errors import ParameterInvalid, Unavailable
from moorage.domain.identity import SigningKey
from moorage.stores.base import Stores

SESSION_LIFE = timedelta(hours=24)  # at most

_BITS = 2048
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]{1,512}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Session:
    """Whose it is, its key pair, and what signs its token."""

    principal: Principal
    private_key_pem: str
    public_key: RSAPublicKey
    signing_key: SigningKey
    now: datetime


def begin_session(stores: Stores, *, user: str | None = None, role: str | None = None) -> Session:
    """Make the key pair of a session: of a user by name, or of a machine by the ARN of its role.

    Raises ParameterInvalid for a user who is not there or not active, and for what is no role.
    """
    principal = _user(stores, user) if user is not None else _machine(role or "")
    signing_key = stores.identity.signing_key()
    if signing_key is None:
        raise Unavailable("the registry has no signing key yet; its owner makes one with `moorage bootstrap`")
    pair = generate_private_key(public_exponent=65537, key_size=_BITS)
    return Session(
        principal=principal,
        private_key_pem=pair.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        public_key=pair.public_key(),
        signing_key=signing_key,
        now=stores.clock(),
    )


def is_role(text: str) -> bool:
    """Whether it is the ARN of a role of AWS, which is a machine's id."""
    return _ROLE.fullmatch(text) is not None


def _user(stores: Stores, name: str) -> Principal:
    user_id = stores.directory.find(User, name)
    user = stores.directory.get(User, user_id) if user_id else None
    if user is None or user.state is not State.ACTIVE:
        raise ParameterInvalid("user", f"there is no active user {name[:100]}")
    return Principal(user.id, user.name, PrincipalKind.USER)


def _machine(arn: str) -> Principal:
    if not is_role(arn):
        raise ParameterInvalid(
            "role", f"must be the ARN of a role, arn:aws:iam::<account>:role/<name>, not {arn[:200]}"
        )
    return Principal(arn, arn, PrincipalKind.MACHINE)
