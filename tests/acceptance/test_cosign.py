"""cosign: signatures as referrers, and under the tag that older releases look for."""

from pathlib import Path

import pytest

from .clients import log_in_crane, push_image
from .product import Login, Product
from .shell import Command, Shell, assert_rights

# "new" is a bundle that refers to its subject, "old" a tag named after the subject's digest.
FORMS = {"new": "true", "old": "false"}


@pytest.fixture
def keys(shell: Shell) -> Path:
    """A pair of keys without a password."""
    shell.environment["COSIGN_PASSWORD"] = ""
    shell.run("cosign", "generate-key-pair")
    return shell.home


def sign(keys: Path, form: str, image: str) -> Command:
    flags = ("--yes", "--tlog-upload=false", "--use-signing-config=false", "--allow-http-registry")
    return ("cosign", "sign", *flags, f"--new-bundle-format={FORMS[form]}", "--key", keys / "cosign.key", image)


def verify(keys: Path, form: str, image: str) -> Command:
    flags = ("--insecure-ignore-tlog", "--allow-http-registry", f"--new-bundle-format={FORMS[form]}")
    return ("cosign", "verify", *flags, "--key", keys / "cosign.pub", image)


@pytest.mark.parametrize("form", FORMS)
def test_sign_and_verify(
    product: Product, writer: Login, shell: Shell, keys: Path, tmp_path: Path, repository: str, form: str
) -> None:
    """A signature lands beside the image and is verified; an image without one is not."""
    log_in_crane(shell, product.registry, writer)
    signed = push_image(shell, tmp_path / "layer.tar", f"{repository}:signed")
    unsigned = push_image(shell, tmp_path / "layer.tar", f"{repository}:unsigned")

    shell.run(*sign(keys, form, f"{repository}@{signed}"))

    assert signed in shell.output(*verify(keys, form, f"{repository}@{signed}"))
    assert "no signatures" in shell.refused(*verify(keys, form, f"{repository}@{unsigned}")).lower()
    tags = shell.output("crane", "ls", "--insecure", repository).split()
    assert (form == "old") is (f"{signed.replace(':', '-')}.sig" in tags)


@pytest.mark.parametrize("form", FORMS)
def test_rights(
    product: Product,
    writer: Login,
    reader: Login,
    shell: Shell,
    reader_shell: Shell,
    stranger: Shell,
    keys: Path,
    tmp_path: Path,
    repository: str,
    form: str,
) -> None:
    """A reader verifies and may not sign; who never logged in may do neither."""
    log_in_crane(shell, product.registry, writer)
    log_in_crane(reader_shell, product.registry, reader)
    signed, unsigned = (
        f"{repository}@{push_image(shell, tmp_path / 'layer.tar', f'{repository}:{tag}')}" for tag in ("one", "two")
    )
    shell.run(*sign(keys, form, signed))
    for home in (reader_shell, stranger):
        home.environment["COSIGN_PASSWORD"] = ""

    assert_rights(reader_shell, stranger, sign(keys, form, unsigned), verify(keys, form, signed))
