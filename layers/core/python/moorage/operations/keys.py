"""The key pairs that sign tokens: how one is made, and how it takes over from the last."""

import hashlib
from base64 import urlsafe_b64encode
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from moorage.domain.identity import REFRESH_LIFE, SigningKey
from moorage.stores.base import Stores


def make_signing_key(now: datetime) -> SigningKey:
    """Make a key pair whose id is drawn from the public key, so that an id means one key only."""
    pair = generate_private_key(SECP256R1())
    public = pair.public_key()
    thumb = hashlib.sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
    return SigningKey(
        kid=urlsafe_b64encode(thumb[:12]).decode(),
        public=public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
        private=pair.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        time_created=now,
    )


def rotate_keys(stores: Stores, *, end_now: bool = False) -> SigningKey:
    """Make a key that signs from now on; the private halves of the others go.

    What the others signed counts until the last refresh token of theirs is over, 90 days from now; with `end_now` it
    ends at once, which is within 10 seconds where a function has the keys in memory.
    """
    now = stores.clock()
    end = now if end_now else now + REFRESH_LIFE
    new = make_signing_key(now)
    ends = {
        key.kid: end
        for key in stores.identity.trust().keys
        if key.time_retired is None or key.time_retired > end  # an earlier end stays
    }
    stores.identity.rotate(new, ends)
    return new
