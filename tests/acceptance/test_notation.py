"""notation: signatures as referrers of one artifact type."""

import json
from pathlib import Path

from .clients import log_in_crane, push_image
from .product import Login, Product
from .shell import Command, Shell, assert_rights

KEY = "acceptance"
TRUST = {
    "version": "1.0",
    "trustPolicies": [
        {
            "name": "acceptance",
            "registryScopes": ["*"],
            "signatureVerification": {"level": "strict"},
            "trustStores": [f"ca:{KEY}"],
            "trustedIdentities": ["*"],
        }
    ],
}


def prepare(shell: Shell) -> None:
    """Make a key of this home's own, and trust it."""
    shell.run("notation", "cert", "generate-test", "--default", KEY)
    (shell.home / ".config" / "notation" / "trustpolicy.json").write_text(json.dumps(TRUST))


def sign(image: str) -> Command:
    return ("notation", "sign", "--insecure-registry", image)


def verify(image: str) -> Command:
    return ("notation", "verify", "--insecure-registry", image)


def test_sign_list_and_verify(product: Product, writer: Login, shell: Shell, tmp_path: Path, repository: str) -> None:
    """A signature lands as a referrer and is verified; an image without one is not."""
    log_in_crane(shell, product.registry, writer)
    prepare(shell)
    signed = push_image(shell, tmp_path / "layer.tar", f"{repository}:signed")
    unsigned = push_image(shell, tmp_path / "layer.tar", f"{repository}:unsigned")

    shell.run(*sign(f"{repository}@{signed}"))

    assert signed in shell.output(*verify(f"{repository}@{signed}"))
    assert "application/vnd.cncf.notary.signature" in shell.output(
        "notation", "list", "--insecure-registry", f"{repository}@{signed}"
    )
    assert "no signature" in shell.refused(*verify(f"{repository}@{unsigned}")).lower()


def test_rights(
    product: Product,
    writer: Login,
    reader: Login,
    shell: Shell,
    reader_shell: Shell,
    stranger: Shell,
    tmp_path: Path,
    repository: str,
) -> None:
    """A reader verifies and may not sign; who never logged in may do neither."""
    log_in_crane(shell, product.registry, writer)
    log_in_crane(reader_shell, product.registry, reader)
    prepare(shell)
    image = f"{repository}@{push_image(shell, tmp_path / 'layer.tar', f'{repository}:v1')}"
    shell.run(*sign(image))
    for home in (reader_shell, stranger):
        home.environment["XDG_CONFIG_HOME"] = shell.environment["XDG_CONFIG_HOME"]

    assert_rights(reader_shell, stranger, sign(image), verify(image))
