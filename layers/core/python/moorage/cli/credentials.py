"""`moorage bootstrap`, `moorage auth-token` and `moorage api-key`."""

from pathlib import Path

import click

from moorage.cli.named import find
from moorage.cli.options import read_profile, with_profile
from moorage.cli.output import as_json, open_registry, table, tell
from moorage.cli.profiles import tell_pair
from moorage.cli.users import fields, login
from moorage.domain.directory import User
from moorage.domain.errors import NotFound
from moorage.operations.directory import credentials
from moorage.operations.directory.bootstrap import bootstrap as begin
from moorage.operations.directory.credentials import KeyPair

_ONCE = "The auth token is the password; it is not shown again."


@click.command()
@click.option("--user", "name", default="administrator", show_default=True, help="Name of the first administrator.")
@with_profile
@as_json
@click.pass_context
def bootstrap(
    context: click.Context,
    name: str,
    profile_name: str,
    config_file: Path | None,
    key_file: Path | None,
    *,
    as_json: bool,
) -> None:
    """Make the signing key and the first administrator, with an auth token and an API key that are shown once."""
    profile = read_profile(profile_name, config_file, key_file)
    stores = open_registry(context)
    made = begin(stores, name)
    text = profile.text(stores, made.user.id, made.api_key_fingerprint)
    profile.save(text, made.private_key_pem)
    username = login(stores, made.user)
    told = tell_pair(profile, text, KeyPair(made.user.api_keys[0], made.private_key_pem))
    document = {
        "username": username,
        "auth_token": made.auth_token_text,
        "id": made.auth_token,
        "user": made.user.id,
        "tenancy": made.tenancy_id,
        "fingerprint": made.api_key_fingerprint,
        "private_key": made.private_key_pem,
        "profile": text,
    }
    words = f"username:   {username}\nauth token: {made.auth_token_text}\n{_ONCE}\n\n{told}"
    tell(words, document, as_json=as_json)


@click.group("auth-token")
def auth_token() -> None:
    """Make, list and remove auth tokens: the passwords for `docker login`."""


@auth_token.command("create")
@click.argument("name", metavar="USER")
@click.option("--description", default="made by moorage auth-token create", show_default=True, help="What it is for.")
@as_json
@click.pass_context
def create_auth_token(context: click.Context, name: str, description: str, *, as_json: bool) -> None:
    """Make an auth token; it is printed once."""
    stores = open_registry(context)
    user, tenancy = find(stores, User, name), stores.directory.tenancy()
    made = credentials.create_auth_token(stores, tenancy, user.id, description=description)
    username = login(stores, user)
    document = {"username": username, "auth_token": made.text, "id": made.auth_token.id}
    tell(f"username:   {username}\nauth token: {made.text}\n{_ONCE}", document, as_json=as_json)


@auth_token.command("list")
@click.argument("name", metavar="USER")
@as_json
@click.pass_context
def list_auth_tokens(context: click.Context, name: str, *, as_json: bool) -> None:
    """List a user's auth tokens, without the secrets."""
    stores = open_registry(context)
    found = fields(stores, stores.directory.tenancy(), find(stores, User, name))["auth_tokens"]
    rows = [(one["id"], one["time_created"], one["description"]) for one in found]
    tell(table([("ID", "CREATED", "DESCRIPTION"), *rows]), found, as_json=as_json)


@auth_token.command("remove")
@click.argument("name", metavar="USER")
@click.argument("auth_token_id", metavar="ID")
@as_json
@click.pass_context
def remove_auth_token(context: click.Context, name: str, auth_token_id: str, *, as_json: bool) -> None:
    """Remove an auth token; logins that were made with it end within 5 minutes."""
    stores = open_registry(context)
    user = find(stores, User, name)
    try:
        credentials.delete_auth_token(stores, stores.directory.tenancy(), user.id, auth_token_id)
    except NotFound as error:
        raise click.ClickException(f"{user.name} has no auth token {auth_token_id}") from error
    tell(f"removed auth token {auth_token_id} of {user.name}", {"removed": auth_token_id}, as_json=as_json)


@click.group("api-key")
def api_key() -> None:
    """Make, list and remove API keys: what `oci` and its SDKs sign with."""


@api_key.command("create")
@click.argument("name", metavar="USER")
@with_profile
@as_json
@click.pass_context
def create_api_key(
    context: click.Context,
    name: str,
    profile_name: str,
    config_file: Path | None,
    key_file: Path | None,
    *,
    as_json: bool,
) -> None:
    """Make a pair of keys, keep its public half, and print or write a profile with the private one.

    Whoever makes the pair has seen the private key: let users make their own with `oci setup keys` where that matters.
    """
    profile = read_profile(profile_name, config_file, key_file)
    stores = open_registry(context)
    user, pair = find(stores, User, name), credentials.make_key_pair(stores.clock())
    credentials.upload_api_key(stores, stores.directory.tenancy(), user.id, pair.api_key.public)
    text = profile.text(stores, user.id, pair.api_key.fingerprint)
    profile.save(text, pair.private_key_pem)
    document = {
        "username": login(stores, user),
        "user": user.id,
        "fingerprint": pair.api_key.fingerprint,
        "private_key": pair.private_key_pem,
        "profile": text,
    }
    tell(tell_pair(profile, text, pair), document, as_json=as_json)


@api_key.command("list")
@click.argument("name", metavar="USER")
@as_json
@click.pass_context
def list_api_keys(context: click.Context, name: str, *, as_json: bool) -> None:
    """List a user's API keys by their fingerprints."""
    stores = open_registry(context)
    found = fields(stores, stores.directory.tenancy(), find(stores, User, name))["api_keys"]
    rows = [(one["fingerprint"], one["time_created"]) for one in found]
    tell(table([("FINGERPRINT", "CREATED"), *rows]), found, as_json=as_json)


@api_key.command("remove")
@click.argument("name", metavar="USER")
@click.argument("fingerprint")
@as_json
@click.pass_context
def remove_api_key(context: click.Context, name: str, fingerprint: str, *, as_json: bool) -> None:
    """Remove an API key; nothing that it signs counts from then on."""
    stores = open_registry(context)
    user = find(stores, User, name)
    try:
        credentials.delete_api_key(stores, stores.directory.tenancy(), user.id, fingerprint)
    except NotFound as error:
        raise click.ClickException(f"{user.name} has no API key {fingerprint}") from error
    tell(f"removed API key {fingerprint} of {user.name}", {"removed": fingerprint}, as_json=as_json)
