"""API keys and auth tokens: three and two, shown to whom they belong, and gone at once."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.cloud.identity.kinds import retry_token
from tests.cloud.plane import Caller, refusal
from tests.cloud.signing import fingerprint, private_key, public_pem

from moorage.domain.directory import User
from moorage.operations.directory.credentials import make_key_pair


def pem(key):
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def keys(caller, user=None):
    return f"/users/{(user or caller).user.id}/apiKeys"


def tokens(caller, user=None):
    return f"/users/{(user or caller).user.id}/authTokens"


@pytest.fixture
def alice(plane):
    return plane.as_("alice")


def test_a_key_is_uploaded_listed_and_deleted(alice):
    answer = alice.post(keys(alice), {"key": public_pem("new")})
    key = answer.json()
    assert key["fingerprint"] == fingerprint("new")
    assert key["keyId"] == f"{alice.plane.tenancy_id}/{alice.user.id}/{fingerprint('new')}"
    assert key["keyValue"].strip() == public_pem("new").strip()
    assert [one["fingerprint"] for one in alice.get(keys(alice)).json()] == [fingerprint("alice"), fingerprint("new")]
    encoded = fingerprint("new").replace(":", "%3A")  # as the CLI writes it
    assert refusal(alice.delete(f"{keys(alice)}/{encoded}", {"if-match": "0"})) == (412, "NoEtagMatch")
    assert alice.delete(f"{keys(alice)}/{encoded}", {"if-match": answer.headers["etag"]}).status == 204
    assert refusal(alice.delete(f"{keys(alice)}/{encoded}")) == (404, "NotAuthorizedOrNotFound")


def test_a_new_key_signs_at_once_and_a_deleted_one_no_more(alice):
    alice.post(keys(alice), {"key": public_pem("new")})
    other = _Signing(alice, "new")
    assert other.get("/n").status == 200
    alice.delete(f"{keys(alice)}/{fingerprint('new')}")
    assert refusal(other.get("/n")) == (401, "NotAuthenticated")


def test_a_user_has_three_keys(alice):
    for name in ("two", "three"):
        assert alice.post(keys(alice), {"key": public_pem(name)}).status == 200
    assert refusal(alice.post(keys(alice), {"key": public_pem("four")})) == (400, "LimitExceeded")
    alice.delete(f"{keys(alice)}/{fingerprint('two')}")
    assert alice.post(keys(alice), {"key": public_pem("four")}).status == 200


def test_a_key_is_there_once(alice):
    answer = alice.post(keys(alice), {"key": public_pem("alice")})
    assert refusal(answer) == (409, "NotAuthorizedOrResourceAlreadyExists")


def test_a_key_sent_again_with_its_retry_token_is_answered_again(alice):
    token = retry_token()
    first, again = (alice.post(keys(alice), {"key": public_pem("new")}, token) for _ in range(2))
    assert (first.json(), first.headers["etag"]) == (again.json(), again.headers["etag"])
    other = alice.post(keys(alice), {"key": public_pem("two")}, token)
    assert refusal(other) == (409, "InvalidatedRetryToken")
    alice.delete(f"{keys(alice)}/{fingerprint('new')}")
    gone = alice.post(keys(alice), {"key": public_pem("new")}, token)
    assert refusal(gone) == (409, "InvalidatedRetryToken")


def test_the_same_key_many_times_at_once_is_one(alice):
    token = retry_token()
    requests = [alice.request("POST", keys(alice), {"key": public_pem("new")}, token) for _ in range(6)]

    answers = alice.all_at_once(*requests)

    assert {200} == {answer.status for answer in answers}
    assert {fingerprint("new")} == {answer.json()["fingerprint"] for answer in answers}


@pytest.mark.parametrize(
    "key",
    [
        "",
        "not a key",
        "ssh-rsa AAAAB3NzaC1yc2E",
        "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
        pem(ed25519.Ed25519PrivateKey.generate().public_key()),
        pem(rsa.generate_private_key(65537, 1024).public_key()),  # noqa: S505 - it is to be refused
        "k" * 10_001,
        7,
    ],
    ids=["empty", "text", "ssh", "cut", "ed25519", "1024 bits", "long", "number"],
)
def test_a_key_that_is_none_is_refused(memory, key):
    alice = memory.as_("alice")
    answer = alice.post(keys(alice), {"key": key})
    assert refusal(answer) == (400, "InvalidParameter")
    assert answer.json()["message"].startswith("key")


def test_a_private_key_is_not_taken_for_a_public_one(memory):
    alice = memory.as_("alice")
    pair = make_key_pair(memory.registry.clock.now)
    answer = alice.post(keys(alice), {"key": pair.private_key_pem})
    assert refusal(answer) == (400, "InvalidParameter")
    assert pair.private_key_pem[30:60] not in answer.body.decode()


def test_an_auth_token_is_shown_once(alice):
    answer = alice.post(tokens(alice), {"description": "laptop"})
    made = answer.json()
    text = made.pop("token")
    assert alice.plane.stores.directory.get(User, alice.user.id).auth_token(text).id == made["id"]
    assert alice.get(tokens(alice)).json() == [made]
    path = f"{tokens(alice)}/{made['id']}"
    changed = alice.put(path, {"description": "desktop"}, {"if-match": answer.headers["etag"]})
    assert changed.json() == {**made, "description": "desktop"}
    assert refusal(alice.put(path, {"description": "d"}, {"if-match": answer.headers["etag"]})) == (412, "NoEtagMatch")
    assert refusal(alice.delete(path, {"if-match": answer.headers["etag"]})) == (412, "NoEtagMatch")
    assert alice.delete(path, {"if-match": changed.headers["etag"]}).status == 204
    assert alice.plane.stores.directory.get(User, alice.user.id).auth_token(text) is None
    assert refusal(alice.delete(path)) == (404, "NotAuthorizedOrNotFound")
    assert refusal(alice.put(path, {"description": "d"})) == (404, "NotAuthorizedOrNotFound")


def test_a_user_has_two_auth_tokens(alice):
    one, _ = (alice.post(tokens(alice), {"description": "d"}).json() for _ in range(2))
    assert refusal(alice.post(tokens(alice), {"description": "d"})) == (400, "LimitExceeded")
    alice.delete(f"{tokens(alice)}/{one['id']}")
    assert alice.post(tokens(alice), {"description": "d"}).status == 200


@pytest.mark.parametrize("body", [{}, {"description": ""}, {"description": "d" * 401}, {"description": None}])
def test_an_auth_token_needs_a_description(memory, body):
    alice = memory.as_("alice")
    answer = alice.post(tokens(alice), body)
    assert refusal(answer)[0] == 400
    assert answer.json()["message"].startswith("description")
    assert alice.get(tokens(alice)).json() == []


def test_an_auth_token_is_not_shown_again_to_the_same_request(alice):
    token = retry_token()
    made = alice.post(tokens(alice), {"description": "d"}, token).json()
    again = alice.post(tokens(alice), {"description": "d"}, token)
    assert refusal(again) == (409, "InvalidatedRetryToken")
    assert made["id"] in again.json()["message"]
    assert len(alice.get(tokens(alice)).json()) == 1


def test_credentials_of_others_need_a_policy(plane, alice):
    bob = plane.as_("bob")
    made = bob.post(tokens(bob), {"description": "d"}).json()
    requests = (
        ("GET", keys(bob), None),
        ("POST", keys(bob), {"key": public_pem("new")}),
        ("DELETE", f"{keys(bob)}/{fingerprint('bob')}", None),
        ("GET", tokens(bob), None),
        ("POST", tokens(bob), {"description": "d"}),
        ("PUT", f"{tokens(bob)}/{made['id']}", {"description": "e"}),
        ("DELETE", f"{tokens(bob)}/{made['id']}", None),
    )
    for method, path, body in requests:
        assert refusal(alice.send(method, path, body)) == (404, "NotAuthorizedOrNotFound")
        absent = alice.send(method, path.replace(bob.user.id, "ocid1.user.moorage..absent"), body)
        assert refusal(absent) == (404, "NotAuthorizedOrNotFound")
    for method, path, body in requests:
        assert plane.as_().send(method, path, body).status in {200, 204}


def test_whoever_manages_one_user_manages_the_keys_of_that_user(plane, alice):
    bob = plane.as_("bob")
    plane.user("lead", ["leads"])
    plane.policy("Allow group leads to manage users in tenancy where target.user.name = 'bob'")
    lead = plane.as_("lead")
    assert len(lead.get(keys(lead, bob)).json()) == 1
    assert refusal(lead.get(keys(lead, alice))) == (404, "NotAuthorizedOrNotFound")


class _Signing(Caller):
    """A user who signs with another of their keys."""

    def __init__(self, caller, key):
        super().__init__(caller.plane, caller.user)
        self._key = key

    def request(self, method, path, body=None, headers=(), **more):
        from tests.cloud.signing import signed  # noqa: PLC0415

        made = super().request(method, path, body, headers, **more).put("authorization", None)
        key_id = f"{self.plane.tenancy_id}/{self.user.id}/{fingerprint(self._key)}"
        return signed(made, key_id, private_key(self._key))
