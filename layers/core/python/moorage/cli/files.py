"""Profiles of `oci` have names, and files. What does not work is said with the name of the file."""

import re
from collections.abc import Iterator
from configparser import Error as Unreadable
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from tempfile import TemporaryFile

import click

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


class FilePath(click.Path):
    """The path of a file, which is there or not; never a folder. `~` is somebody's home."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, path_type=Path)

    def convert(
        self, value: str | PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | PathLike[str]:
        """Return the whole path."""
        try:
            path = Path(value).expanduser().absolute()
        except RuntimeError:
            self.fail(f"{value} is in the home of a user that this machine does not have", param, ctx)
        return super().convert(path, param, ctx)


def check_name(_context: click.Context, _option: click.Parameter, name: str) -> str:
    """Return the name of a profile, which is also that of a folder. Raises BadParameter."""
    if not _NAME.fullmatch(name):
        raise click.BadParameter("a name is letters, digits, '.', '_' and '-', at most 64, the first a letter or digit")
    return name


@contextmanager
def naming(file: Path) -> Iterator[None]:
    """Say of a file that it does not do, and why. Raises ClickException."""
    try:
        yield
    except (OSError, UnicodeError, Unreadable) as error:
        raise click.ClickException(f"{file} cannot be read or written: {_why(error)}; choose another file") from error


def _why(error: Exception) -> str:
    if isinstance(error, UnicodeError):
        return "it is not UTF-8"
    if isinstance(error, FileExistsError | NotADirectoryError):
        return "its folder is a file"
    words = error.strerror if isinstance(error, OSError) else str(error)
    return " ".join(str(words).split())


def read_config(file: Path) -> str:
    """Return what a configuration says, nothing when there is none. Raises ClickException."""
    with naming(file):
        return file.read_text(encoding="utf-8") if file.exists() else ""


def make_way(file: Path) -> None:
    """Make the folder of a file, for its owner alone, and see that the file can be written. Raises ClickException."""
    with naming(file):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") if file.exists() else TemporaryFile(dir=file.parent):
            pass
