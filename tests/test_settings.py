"""Settings are read in one place, fail by name, and are the same in the code, in the template and on their page."""

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from moorage.devserver.template import Template
from moorage.domain.repository import Sparse
from moorage.stores.base import DirectoryLimits
from moorage.wiring import SettingInvalid, read_settings

REQUIRED = {
    "MOORAGE_TABLE": "the-table",
    "MOORAGE_BUCKET": "the-bucket",
    "MOORAGE_NAMESPACE": "acme",
    "MOORAGE_ORIGINS": "https://registry.example.com",
    "AWS_REGION": "eu-central-1",
}
HERE = "http://127.0.0.1:1"
ROW = re.compile(r"^\| `(?P<name>[A-Z_0-9]+)` \| (?P<default>[^|]+) \| (?P<parameter>[^|]*)\|", re.MULTILINE)
TEMPLATE = Template.read(Path("template.yaml"))


class Recording(Mapping):
    """An environment that knows what it was asked for."""

    def __init__(self, environ):
        self.environ = environ
        self.asked = set()

    def __getitem__(self, name):
        self.asked.add(name)
        return self.environ[name]

    def __iter__(self):
        raise AssertionError("settings are asked for by name")

    def __len__(self):
        return len(self.environ)


def page():
    """Return what the page says of each setting: its default (None when required) and its template parameter."""
    rows = {row["name"]: row for row in ROW.finditer(Path("docs/settings.md").read_text(encoding="utf-8"))}
    defaults = {"required": None, "empty": ""}
    return {
        name: (defaults.get(text := row["default"].strip(), text.strip("`")), row["parameter"].strip(" `"))
        for name, row in rows.items()
    }


def test_the_page_has_every_setting_that_is_read_and_no_other():
    environ = Recording(REQUIRED)
    read_settings(environ)

    assert environ.asked == set(page())


def test_the_page_says_which_are_required():
    assert set(REQUIRED) == {name for name, (default, _) in page().items() if default is None}


@pytest.mark.parametrize("name", sorted(REQUIRED))
@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_required_setting_that_is_missing_is_named(name, value):
    environ = {other: text for other, text in REQUIRED.items() if other != name}

    with pytest.raises(SettingInvalid, match=f"{name} is not set"):
        read_settings(environ if value is None else {**environ, name: value})


@pytest.mark.parametrize("name", sorted(set(page()) - set(REQUIRED)))
def test_the_default_of_the_page_is_the_code_s(name):
    default, _ = page()[name]

    assert read_settings(REQUIRED) == read_settings({**REQUIRED, name: default})


def test_the_template_sets_every_setting_of_ours_by_the_parameter_and_default_of_the_page():
    variables = TEMPLATE.body["Globals"]["Function"]["Environment"]["Variables"]
    ours = {name: said for name, said in page().items() if name.startswith("MOORAGE_")}
    assert set(ours) == {name for name in variables if name.startswith("MOORAGE_")}

    by_default = TEMPLATE.variables({})
    for name, (default, parameter) in ours.items():
        if parameter:
            assert "said" == TEMPLATE.variables({parameter: "said"})[name]
        if default is not None:
            assert default == by_default[name]


def test_the_registry_is_reached_by_its_domain_unless_more_is_said():
    assert "https://a.example" == TEMPLATE.variables({"Domain": "a.example"})["MOORAGE_ORIGINS"]
    assert "MOORAGE_ORIGINS" not in TEMPLATE.variables({})


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("MOORAGE_SPARSE", "all", lambda settings: settings.limits.sparse is Sparse.ALL),
        ("MOORAGE_SPARSE", "none", lambda settings: settings.limits.sparse is Sparse.NONE),
        ("MOORAGE_CREATE_ON_PUSH", "false", lambda settings: not settings.limits.create_on_push),
        ("MOORAGE_AUTOMATIC_MOUNT", "false", lambda settings: not settings.limits.automatic_mount),
        ("MOORAGE_BODY_LIMIT", "none", lambda settings: settings.limits.body_bytes is None),
        ("MOORAGE_BODY_LIMIT", "1024", lambda settings: settings.limits.body_bytes == 1024),
        ("MOORAGE_OPEN_SESSIONS", "1", lambda settings: settings.limits.open_sessions == 1),
        ("MOORAGE_STAGED_BYTES", "1", lambda settings: settings.limits.staged_bytes == 1),
        ("MOORAGE_IMAGES", "1", lambda settings: settings.limits.images == 1),
        ("MOORAGE_REPOSITORIES", "1", lambda settings: settings.limits.repositories == 1),
        ("MOORAGE_STORAGE_BYTES", "1", lambda settings: settings.limits.storage_bytes == 1),
        (
            "MOORAGE_DIRECTORY_LIMITS",
            " users=5000  policies=1 ",
            lambda settings: settings.limits.directory == DirectoryLimits(users=5000, policies=1),
        ),
        ("MOORAGE_URL_SECONDS", "60", lambda settings: settings.url_life == timedelta(minutes=1)),
        ("MOORAGE_BLOB_FRONT", "host", lambda settings: settings.blob_front),
        ("MOORAGE_HEAD_BODY", "filler", lambda settings: settings.head_filler),
        ("MOORAGE_TRUSTED_PROXIES", " 10.0.0.0/8 ::1 ", lambda settings: len(settings.trusted_proxies) == 2),
        ("AWS_ENDPOINT_URL", HERE, lambda settings: settings.dynamodb_endpoint == settings.s3_endpoint == HERE),
        (
            "AWS_ENDPOINT_URL_DYNAMODB",
            HERE,
            lambda settings: (settings.dynamodb_endpoint, settings.s3_endpoint) == (HERE, None),
        ),
        (
            "AWS_ENDPOINT_URL_S3",
            HERE,
            lambda settings: (settings.dynamodb_endpoint, settings.s3_endpoint) == (None, HERE),
        ),
        ("MOORAGE_PUBLIC_ENDPOINT", HERE, lambda settings: settings.public_endpoint == HERE),
        ("MOORAGE_ORIGINS", "https://A.b http://[::1]:80", lambda settings: settings.origins[0] == "https://a.b"),
        ("MOORAGE_TABLE", "t", lambda settings: settings.table == "t"),
        ("MOORAGE_BUCKET", "b", lambda settings: settings.bucket == "b"),
        ("MOORAGE_NAMESPACE", "n", lambda settings: settings.limits.namespace == "n"),
        ("AWS_REGION", "r", lambda settings: settings.region == settings.limits.region.key == "r"),
    ],
)
def test_a_setting_does_what_it_says(name, value, read):
    assert read(read_settings({**REQUIRED, name: value}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            (name, value)
            for name in ("MOORAGE_SPARSE", "MOORAGE_BLOB_FRONT", "MOORAGE_HEAD_BODY")
            for value in ("", "yes", "ALL", " s3")
        ),
        *(
            (name, value)
            for name in ("MOORAGE_CREATE_ON_PUSH", "MOORAGE_AUTOMATIC_MOUNT")
            for value in ("", "yes", "True", "1")
        ),
        *(
            (f"MOORAGE_{name}", value)
            for name in (
                *("BODY_LIMIT", "OPEN_SESSIONS", "STAGED_BYTES", "URL_SECONDS"),
                *("IMAGES", "REPOSITORIES", "STORAGE_BYTES"),
            )
            for value in ("", "0", "-1", "1.5", "1e3", "\u0661", "1_000", "4 MiB", "9" * 30, "9" * 5000)
        ),
        ("MOORAGE_BODY_LIMIT", "1023"),
        ("MOORAGE_BODY_LIMIT", "None"),
        ("MOORAGE_URL_SECONDS", "59"),
        ("MOORAGE_URL_SECONDS", "3601"),
        *(
            ("MOORAGE_ORIGINS", value)
            for value in (
                "registry.example.com",
                "ftp://registry.example.com",
                "https://",
                "https:///path",
                "https://registry.example.com/",
                "https://registry.example.com/path",
                "https://registry.example.com?",
                "https://registry.example.com#",
                "https://user@registry.example.com",
                "https://registry.example.com:port",
                "https://registry.example.com:99999",
                "https://registry.example.com:",
                "https://[",
                'https://a"b',
                "https://one.example,https://two.example",
                "https://good.example bad",
            )
        ),
        *(
            ("MOORAGE_DIRECTORY_LIMITS", value)
            for value in ("users", "users=", "users=0", "users=-1", "users=1.5", "users 5", "people=5", "users=9999999")
        ),
        *(("MOORAGE_PUBLIC_ENDPOINT", value) for value in ("s3.example.com", "http://s3/path", "ftp://s3", "http://")),
        *(("MOORAGE_TRUSTED_PROXIES", value) for value in ("proxy", "10.0.0.0/33", "10.0.0.1,10.0.0.2", "10.0.0.1 x")),
        *(("MOORAGE_NAMESPACE", value) for value in ("Acme", "a/b", "-a", "a b", "\u00e4", "a" * 300)),
    ],
)
def test_a_setting_that_cannot_be_is_named(name, value):
    with pytest.raises(SettingInvalid, match=name):
        read_settings({**REQUIRED, name: value})
