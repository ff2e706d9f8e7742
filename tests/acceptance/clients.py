"""How each client logs in, and the commands that more than one module gives."""

from pathlib import Path

from .images import write_layer
from .product import Login
from .shell import Command, Shell, digest_in


def log_in_crane(shell: Shell, registry: str, login: Login) -> None:
    """Log in crane, and cosign with it: both read the same file."""
    shell.run("crane", "auth", "login", "--insecure", "-u", login.username, "-p", login.password, registry)


def log_in_oras(shell: Shell, registry: str, login: Login) -> None:
    shell.run("oras", "login", "--plain-http", "-u", login.username, "--password-stdin", registry, stdin=login.password)


def log_in_regctl(shell: Shell, registry: str, login: Login) -> None:
    shell.run("regctl", "registry", "set", "--skip-check", "--tls", "disabled", registry)
    shell.run("regctl", "registry", "login", "-u", login.username, "--pass-stdin", registry, stdin=login.password)


def log_in_skopeo(shell: Shell, registry: str, login: Login) -> None:
    shell.environment["REGISTRY_AUTH_FILE"] = str(shell.home / "auth.json")
    shell.run(
        *("skopeo", "login", "--tls-verify=false", "-u", login.username, "--password-stdin", registry),
        stdin=login.password,
    )


def log_in_helm(shell: Shell, helm: str, registry: str, login: Login) -> None:
    command = (helm, "registry", "login", "--plain-http", "-u", login.username, "--password-stdin", registry)
    shell.run(*command, stdin=login.password)


def log_in_docker(shell: Shell, registry: str, login: Login) -> None:
    shell.run("docker", "login", "-u", login.username, "--password-stdin", registry, stdin=login.password)


def crane_append(layer: Path, reference: str) -> Command:
    return ("crane", "append", "--insecure", "--new_layer", layer, "--new_tag", reference)


def push_image(shell: Shell, layer: Path, reference: str) -> str:
    """Push an image of one layer with crane, already logged in, and return its digest."""
    return digest_in(shell.output(*crane_append(write_layer(layer, reference), reference)))
