"""`moorage`: users, policies, repositories and keys, straight in the table and with the caller's own AWS rights."""

from typing import Any

import click
from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import PynamoDBException

from moorage.cli.credentials import api_key, auth_token, bootstrap
from moorage.cli.doctor import doctor
from moorage.cli.explain import explain
from moorage.cli.groups import group
from moorage.cli.keys import key
from moorage.cli.policies import policy
from moorage.cli.repositories import repository
from moorage.cli.restore import restore
from moorage.cli.revoke import revoke
from moorage.cli.session import session
from moorage.cli.users import user
from moorage.domain.errors import RegistryError, Unavailable
from moorage.domain.history import CannotRestore
from moorage.wiring import SettingInvalid


class _Commands(click.Group):
    """A group that says what is wrong in one line, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; what the caller can mend becomes an error with exit status 1."""
        try:
            return super().invoke(ctx)
        except Unavailable as error:
            raise click.ClickException(f"no answer from the table: {_cause(error)}") from error
        except (RegistryError, CannotRestore, SettingInvalid, BotoCoreError) as error:
            raise click.ClickException(str(error)) from error
        except (ClientError, PynamoDBException) as error:
            raise click.ClickException(f"AWS refuses: {_cause(error)}") from error


@click.group(cls=_Commands)
def main() -> None:
    """Manage a Moorage registry: its users and what they may, their credentials, its repositories and its keys.

    The registry is the one that the MOORAGE_* variables name; AWS credentials come from where AWS tools find them.
    """


def _cause(error: BaseException) -> BaseException:
    """Return what AWS, or its client, said in the first place."""
    return _cause(error.__cause__) if error.__cause__ else error


main.add_command(bootstrap)
main.add_command(user)
main.add_command(group)
main.add_command(policy)
main.add_command(explain)
main.add_command(auth_token)
main.add_command(api_key)
main.add_command(repository)
main.add_command(key)
main.add_command(revoke)
main.add_command(session)
main.add_command(restore)
main.add_command(doctor)
