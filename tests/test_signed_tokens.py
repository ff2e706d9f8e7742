import base64
import json
from dataclasses import replace
from datetime import timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import NOW, Clock
from tests.sites import KEY, SERVICE, Keys

from moorage.domain.access import ANONYMOUS, Access, Action, Catalog, Grant, Principal, PrincipalKind
from moorage.domain.errors import Unauthenticated
from moorage.domain.identity import EVERYBODY, REFRESH_LIFE
from moorage.operations.keys import make_signing_key
from moorage.web.tokens import KEYS_LIFE, LEEWAY, Keyring, Refresh, issue_access, issue_refresh

SERVICES = (SERVICE, "registry.example.com")
OTHER_KEY = make_signing_key(NOW + timedelta(seconds=1))
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ID = "ocid1.user.moorage..a"
ALICE = Principal(ID, "alice")
ACCESS = Access(ALICE, (Grant("acme/app", "id", frozenset({Action.PULL}), frozenset({Action.DELETE}), visible=True),))
HEADER = {"alg": "ES256", "typ": "at+jwt", "kid": KEY.kid}
CLAIMS = {
    "iss": SERVICE,
    "sub": ID,
    "aud": SERVICE,
    "iat": int(NOW.timestamp()),
    "nbf": int(NOW.timestamp()),
    "exp": int(NOW.timestamp()) + 300,
    "jti": "1",
    "name": "alice",
    "kind": "user",
    "access": [["acme/app", "id", "rv", "d"]],
    "catalog": "none",
}

actions = st.frozensets(st.sampled_from(Action))
grants = st.builds(Grant, st.text(max_size=255), st.none() | st.text(max_size=26), actions, actions, st.booleans())
principals = st.just(ANONYMOUS) | st.builds(
    Principal, st.text(min_size=1), st.text(min_size=1), st.sampled_from(PrincipalKind)
)
accesses = st.builds(Access, principals, st.lists(grants, max_size=8).map(tuple), st.sampled_from(Catalog))


def signed(claims: object = CLAIMS, header: dict[str, object] = HEADER, key: str = KEY.private or "") -> str:
    """Sign anything at all as our own key does."""
    return jwt.PyJWS().encode(json.dumps(claims).encode(), key, "ES256", headers=header, sort_headers=False)


def segment(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def verify(token: str, clock: Clock | None = None, keys: Keys | None = None) -> Access:
    return Keyring(keys or Keys(KEY), clock or Clock()).verify(token, SERVICES)


def access_token(access: Access = ACCESS) -> str:
    return issue_access(access, KEY, service=SERVICE, token_id="1", now=NOW)[0]


def refresh_token() -> str:
    return issue_refresh(Refresh(ID, "id"), KEY, service=SERVICE, token_id="1", now=NOW)


@given(accesses)
def test_what_is_signed_is_what_is_read(access):
    assert access == verify(access_token(access))


def test_a_token_says_who_and_what():
    assert ACCESS == verify(signed())
    assert Refresh(ID, "id") == Keyring(Keys(KEY), Clock()).verify_refresh(refresh_token(), SERVICES)


def test_sixteen_scopes_of_long_names_fit_into_a_header():
    name = "acme/" + "x" * 123
    grant = Grant(
        name, "01J" + "0" * 23, frozenset({Action.PULL, Action.PUSH}), frozenset({Action.DELETE}), visible=True
    )

    assert len(access_token(Access(ALICE, (grant,) * 16, catalog=Catalog.ALL))) < 4096


def public_as_secret(algorithm: str) -> str:
    """Sign with HMAC, the public key as the secret: accepted where the token chooses the algorithm."""
    signing_input = f"{segment({**HEADER, 'alg': algorithm})}.{segment(CLAIMS)}".encode()
    hmac = jwt.get_algorithm_by_name(algorithm)
    signature = hmac.sign(signing_input, KEY.public.encode())  # PyJWT's `encode` would refuse such a secret
    return f"{signing_input.decode()}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def with_jwk() -> str:
    """Sign with another key and bring its public half along (CVE-2018-0114)."""
    other = load_pem_public_key(OTHER_KEY.public.encode())
    jwk = json.loads(jwt.get_algorithm_by_name("ES256").to_jwk(other))
    return signed(header={**HEADER, "jwk": jwk}, key=OTHER_KEY.private or "")


def signed_by_rsa() -> str:
    return jwt.encode(CLAIMS, RSA, "RS256", {"kid": KEY.kid, "typ": "at+jwt"})


def widened() -> str:
    """Ask for more than was signed."""
    header, _, signature = access_token().split(".")
    return f"{header}.{segment({**CLAIMS, 'access': [['acme/app', 'id', 'rwdv', '']]})}.{signature}"


def without(*names: str) -> str:
    return signed({name: value for name, value in CLAIMS.items() if name not in names})


def changed(**claims: object) -> str:
    return signed({**CLAIMS, **claims})


START = int(NOW.timestamp())
FORGED = {
    "no token": "",
    "no segments": "x",
    "alg none": f"{segment({**HEADER, 'alg': 'none'})}.{segment(CLAIMS)}.",
    "alg None": f"{segment({**HEADER, 'alg': 'None'})}.{segment(CLAIMS)}.",
    "no alg": f"{segment({'typ': 'at+jwt', 'kid': KEY.kid})}.{segment(CLAIMS)}.{access_token().split('.')[2]}",
    "no signature": access_token().rpartition(".")[0] + ".",
    "HS256 with the public key": public_as_secret("HS256"),
    "HS512 with the public key": public_as_secret("HS512"),
    "RS256 under our key id": signed_by_rsa(),
    "another key under our key id": signed(key=OTHER_KEY.private or ""),
    "another key under its own id": signed(header={**HEADER, "kid": OTHER_KEY.kid}, key=OTHER_KEY.private or ""),
    "jwk in the header": with_jwk(),
    "jku in the header": signed(header={**HEADER, "jku": "https://e.com/k"}, key=OTHER_KEY.private or ""),
    "x5u in the header": signed(header={**HEADER, "x5u": "https://e.com/k"}, key=OTHER_KEY.private or ""),
    "no kid": signed(header={"alg": "ES256", "typ": "at+jwt"}),
    "kid that is no string": f"{segment({**HEADER, 'kid': ['x']})}.{segment(CLAIMS)}.eA",
    "kid like a path": signed(header={**HEADER, "kid": "../../dev/null"}),
    "header nested deep": base64.urlsafe_b64encode(b"[" * 6000).decode() + ".e30.eA",
    "header that is a list": f"{segment([])}.{segment(CLAIMS)}.eA",
    "payload nested deep": f"{segment(HEADER)}.{base64.urlsafe_b64encode(b'[' * 6000).decode()}.eA",
    "too long": signed({**CLAIMS, "more": "x" * 11_000}),
    "critical header": signed(header={**HEADER, "crit": ["x"], "x": 1}),
    "another typ": signed(header={**HEADER, "typ": "JWT"}),
    "refresh token": refresh_token(),
    "scope widened": widened(),
    "another audience": changed(aud="elsewhere.example.com"),
    "audience of refresh tokens": changed(aud=f"refresh:{SERVICE}"),
    "another issuer": changed(iss="elsewhere.example.com"),
    "expired": changed(exp=START - 11),
    "not yet": changed(nbf=START + 11),
    "issued in the future": changed(iat=START + 11),
    "expiry as text": changed(exp=str(START + 300)),
    "expiry as a fraction": changed(exp=START + 300.5),
    "issued true": changed(iat=True),
    "ES384": jwt.encode(CLAIMS, ec.generate_private_key(ec.SECP384R1()), "ES384", {"kid": KEY.kid, "typ": "at+jwt"}),
    "unknown kind": changed(kind="root"),
    "unknown catalog": changed(catalog=True),
    "unknown action": changed(access=[["acme/app", "id", "x", ""]]),
    "access that is no list": changed(access=1),
    "claims that are no object": signed([1]),
    **{f"no {claim}": without(claim) for claim in CLAIMS},
}


@pytest.mark.parametrize("token", FORGED.values(), ids=FORGED.keys())
def test_every_other_token_is_refused_in_the_same_words(token):
    with pytest.raises(Unauthenticated) as refused:
        verify(token)

    assert "invalid_token" == refused.value.error
    assert "the token is not valid, or no longer" == refused.value.message


def test_headers_that_bring_keys_say_nothing():
    """A token of ours is good or bad whatever keys it brings along."""
    assert ACCESS == verify(signed(header={**HEADER, "jku": "https://e.com/keys", "x5u": "https://e.com/cert"}))


@given(st.integers(min_value=0), st.integers(min_value=0, max_value=7))
def test_a_token_with_one_bit_changed_is_refused(place, bit):
    token = bytearray(access_token().encode())
    token[place % len(token)] ^= 1 << bit

    try:
        read = verify(token.decode("latin-1"))
    except Unauthenticated as refused:
        assert "invalid_token" == refused.error
    else:
        assert ACCESS == read  # base64 has bits at the end that mean nothing


@given(st.text(max_size=300) | st.from_regex(r"[A-Za-z0-9_-]{0,90}\.[A-Za-z0-9_-]{0,90}\.[A-Za-z0-9_-]{0,90}"))
def test_text_of_strangers_is_refused(text):
    with pytest.raises(Unauthenticated):
        verify(text)


@given(
    st.dictionaries(st.sampled_from(sorted(CLAIMS)), st.none() | st.booleans() | st.integers() | st.text(), min_size=1)
)
def test_claims_of_wrong_types_are_refused_or_read_never_more(claims):
    try:
        verify(signed({**CLAIMS, **claims}))
    except Unauthenticated as refused:
        assert "invalid_token" == refused.error


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(access_token(), id="an access token"),
        pytest.param(signed({**CLAIMS, "auth_token": "id"}), id="an access token with the claim of refresh tokens"),
        pytest.param(
            signed({**CLAIMS, "auth_token": "id"}, {**HEADER, "typ": "rt+jwt"}), id="with the typ of refresh tokens too"
        ),
        pytest.param(
            signed({**CLAIMS, "aud": f"refresh:{SERVICE}"}, {**HEADER, "typ": "rt+jwt"}), id="without an auth token"
        ),
        pytest.param(
            signed({**CLAIMS, "aud": f"refresh:{SERVICE}", "auth_token": "id", "sub": ""}, {**HEADER, "typ": "rt+jwt"}),
            id="of nobody in particular",
        ),
    ],
)
def test_nothing_else_passes_as_a_refresh_token(token):
    with pytest.raises(Unauthenticated):
        Keyring(Keys(KEY), Clock()).verify_refresh(token, SERVICES)


def test_a_refresh_token_lives_ninety_days():
    clock = Clock(NOW + REFRESH_LIFE)
    keyring = Keyring(Keys(KEY), clock)

    assert ID == keyring.verify_refresh(refresh_token(), SERVICES).user_id
    clock.advance(timedelta(seconds=11))
    with pytest.raises(Unauthenticated):
        keyring.verify_refresh(refresh_token(), SERVICES)


def test_only_the_private_half_signs():
    with pytest.raises(ValueError, match="private half"):
        issue_access(ACCESS, replace(KEY, private=None), service=SERVICE, token_id="1", now=NOW)


def test_a_key_of_another_kind_is_not_taken():
    public = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    with pytest.raises(TypeError, match=KEY.kid):
        verify(access_token(), keys=Keys(replace(KEY, public=public)))


class TestKeyring:
    def setup_method(self):
        self.clock = Clock()
        self.keys = Keys(KEY)
        self.keyring = Keyring(self.keys, self.clock)

    def verify(self, token: str = "") -> bool:
        try:
            self.keyring.verify(token or access_token(), SERVICES)
        except Unauthenticated:
            return False
        return True

    def test_keys_are_read_once_in_ten_seconds(self):
        assert [True] * 3 == [self.verify() for _ in range(3)]
        assert 1 == self.keys.reads

        self.clock.advance(KEYS_LIFE)
        self.verify()
        assert 2 == self.keys.reads

    def test_an_unknown_key_id_reads_them_no_sooner(self):
        """Else a stranger could make every request cost a read."""
        self.verify()
        fresh = signed(header={**HEADER, "kid": OTHER_KEY.kid}, key=OTHER_KEY.private or "")
        self.keys.keys.append(OTHER_KEY)
        assert [False] * 5 == [self.verify(fresh) for _ in range(5)]
        assert 1 == self.keys.reads

        self.clock.advance(KEYS_LIFE)
        assert self.verify(fresh)
        assert 2 == self.keys.reads

    def test_a_retired_key_counts_until_it_ends(self):
        self.keys.keys = [replace(KEY, time_retired=NOW + timedelta(minutes=1))]
        assert self.verify()

        self.clock.advance(timedelta(minutes=1))
        assert not self.verify()

    def test_a_key_that_ends_at_once_is_gone_everywhere_in_ten_seconds(self):
        assert self.verify()
        self.keys.keys = [OTHER_KEY, replace(KEY, time_retired=NOW)]

        self.clock.advance(KEYS_LIFE - timedelta(seconds=1))
        assert self.verify()
        self.clock.advance(timedelta(seconds=1))
        assert not self.verify()

    @pytest.mark.parametrize("whom", [ID, EVERYBODY])
    def test_what_is_revoked_is_void_everywhere_in_ten_seconds(self, whom):
        assert self.verify()
        self.clock.advance(timedelta(seconds=1))
        self.keys.revoked = {whom: self.clock.now}

        self.clock.advance(KEYS_LIFE - timedelta(seconds=2))
        assert self.verify()
        self.clock.advance(timedelta(seconds=1))
        assert not self.verify()
        assert self.verify(issue_access(ACCESS, KEY, service=SERVICE, token_id="2", now=self.clock.now)[0])

    def test_others_are_not_revoked(self):
        self.keys.revoked = {"ocid1.user.moorage..b": NOW + timedelta(minutes=1)}

        assert self.verify()

    def test_a_token_of_nobody_in_particular_is_revoked_with_everybodys(self):
        self.keys.revoked = {ID: NOW}
        assert self.verify(access_token(Access(ANONYMOUS)))

        self.keys.revoked = {EVERYBODY: NOW}
        self.clock.advance(KEYS_LIFE)
        assert not self.verify(access_token(Access(ANONYMOUS)))

    @pytest.mark.parametrize(
        ("seconds", "good"),
        [pytest.param(-1, True, id="before it was issued"), (0, False), pytest.param(0.9, False, id="in its second")],
    )
    def test_in_doubt_a_token_is_void(self, seconds, good):
        """A token tells no more than the second of its time."""
        self.keys.revoked = {ID: NOW.replace(microsecond=0) + timedelta(seconds=seconds)}

        assert good is self.verify()

    @pytest.mark.parametrize("whom", [ID, EVERYBODY])
    def test_a_refresh_token_is_void_for_as_long_as_it_would_have_lived(self, whom):
        self.keys.revoked = {whom: NOW}

        for age in (timedelta(), timedelta(days=1), REFRESH_LIFE):
            self.clock.now = NOW + age
            with pytest.raises(Unauthenticated):
                self.keyring.verify_refresh(refresh_token(), SERVICES)

    def test_a_token_may_end_sooner_but_not_later(self):
        for until, seconds in ((NOW + timedelta(minutes=2), 120), (NOW + timedelta(days=1), 300)):
            token, life = issue_access(ACCESS, KEY, service=SERVICE, token_id="1", now=NOW, until=until)

            assert seconds == life
            assert (ACCESS, NOW.replace(microsecond=0) + timedelta(seconds=seconds)) == self.keyring.verify_until(
                token, SERVICES
            )
        short = issue_access(ACCESS, KEY, service=SERVICE, token_id="1", now=NOW, until=NOW + timedelta(minutes=2))[0]
        self.clock.advance(timedelta(minutes=2) + LEEWAY)
        assert not self.verify(short)
