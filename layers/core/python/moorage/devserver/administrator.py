"""The first administrator of a local registry, and what scripts and people need to be one."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from moorage.devserver.aws import CannotStart
from moorage.domain.errors import StateConflict
from moorage.operations.directory.bootstrap import bootstrap
from moorage.stores.base import Stores

NAME = "admin"
PROFILE = "DEFAULT"

_KEY_FILE, _CONFIG_FILE = "oci-key.pem", "oci-config"


@dataclass(frozen=True, slots=True)
class Administrator:
    """A user with a password for docker, and an API key for `oci` and its SDKs."""

    namespace: str
    username: str  # as docker login takes it
    password: str
    tenancy: str
    user: str
    fingerprint: str
    private_key: str

    @classmethod
    def make(cls, stores: Stores) -> Self:
        """Bootstrap the registry. Raises StateConflict when that was done before."""
        made = bootstrap(stores, NAME)
        namespace = stores.limits.namespace
        return cls(
            namespace=namespace,
            username=f"{namespace}/{made.user.name}",
            password=made.auth_token_text,
            tenancy=made.tenancy_id,
            user=made.user.id,
            fingerprint=made.api_key_fingerprint,
            private_key=made.private_key_pem,
        )

    @classmethod
    def make_or_read(cls, stores: Stores, kept: Path) -> Self:
        """Bootstrap a registry whose data is kept in a folder, or read what was kept of that. Raises CannotStart."""
        file = kept / "administrator"
        try:
            made = cls.make(stores)
        except StateConflict as error:
            if not file.exists():
                raise CannotStart(f"the administrator's password is lost; remove {kept} to begin anew") from error
            return cls(**json.loads(file.read_text(encoding="utf-8")))
        file.touch(mode=0o600)
        file.write_text(json.dumps(asdict(made)), encoding="utf-8")
        return made

    def files(self, state: Path, registry: str, region: str) -> Mapping[str, str]:
        """Return what stands in the folder `state` while the registry is there: a text for each name of a file."""
        key_file, config_file = ((state / name).absolute() for name in (_KEY_FILE, _CONFIG_FILE))
        profile = {
            "user": self.user,
            "fingerprint": self.fingerprint,
            "tenancy": self.tenancy,
            "region": region,
            "key_file": str(key_file),
        }
        credentials = {
            "registry": registry,
            "namespace": self.namespace,
            "username": self.username,
            "password": self.password,
            "tenancy": self.tenancy,
            "oci_endpoint": f"http://{registry}",
            "oci_config_file": str(config_file),
            "oci_profile": PROFILE,
        }
        lines = [f"[{PROFILE}]", *(f"{name}={value}" for name, value in profile.items()), ""]
        return {
            _KEY_FILE: self.private_key,
            _CONFIG_FILE: "\n".join(lines),
            "credentials.json": json.dumps(credentials, indent=2) + "\n",
        }

    def lines(self, state: Path, registry: str) -> str:
        """Return the lines to paste, for docker and for `oci`."""
        image = f"{registry}/{self.namespace}/hello:1"
        return f"""\
  user      {self.username}
  password  {self.password}

  echo {self.password} | docker login {registry} --username {self.username} --password-stdin
  docker pull hello-world
  docker tag hello-world {image}
  docker push {image}
  docker pull {image}

  export OCI_CLI_CONFIG_FILE={(state / _CONFIG_FILE).absolute()} OCI_CLI_ENDPOINT=http://{registry}
  oci os ns get
  oci artifacts container image list --compartment-id {self.tenancy}
"""
