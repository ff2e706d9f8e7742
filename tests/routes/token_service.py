"""The token endpoint alone, over stores in memory: what its tests ask it with."""

import asyncio
from base64 import b64encode

import httpx
from tests import factories
from tests.fakes import Clock, Dice
from tests.people import GROUPS, People

from moorage.domain.access import Access, Action, Principal
from moorage.operations.keys import rotate_keys
from moorage.operations.repositories import create
from moorage.stores.memory import memory_stores
from moorage.web.shim import create_app
from moorage.web.site import Site
from moorage.web.tokens import Keyring
from tokens.routes import API

PATH = "/20180419/docker/token"
PULL, PUSH, DELETE = Action.PULL, Action.PUSH, Action.DELETE
NOTHING = frozenset()


class TokenService:
    """The token endpoint over stores in memory, with a user in each group and two repositories."""

    def __init__(self):
        self.clock = Clock()
        self.stores = memory_stores(factories.limits(namespace="acme"), clock=self.clock, entropy=Dice())
        rotate_keys(self.stores)
        self.people = People(self.stores)
        self.passwords = {name: self.make_user(name) for name in GROUPS}
        self.private = create(self.stores, "acme/app", "alice", public=False)
        self.public = create(self.stores, "acme/site", "alice", public=True)
        self.site = Site(
            origins=("http://localhost:5000", "https://registry.example.com"),
            namespace="acme",
            keyring=Keyring(self.stores.identity.trust, self.clock),
            trusted_proxies=("10.0.0.1",),
        )
        self.app = create_app(API, self.stores, self.site, inline=True)

    def make_user(self, name):
        self.people.of(name)
        return self.people.auth_token(name)

    def principal(self, name):
        """Return whom a token is for; the groups are not in it."""
        return Principal(self.people.find(name).id, name)

    def send(self, method, query=None, *, address="203.0.113.7", host="localhost:5000", **more):
        async def sent():
            transport = httpx.ASGITransport(self.app, client=(address, 1234))
            async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
                return await client.request(method, PATH, params=query, **more)

        return asyncio.run(sent())

    def get(self, query=None, *, user=None, password=None, headers=(), **more):
        basic = [basic_header(f"acme/{user}", password or self.passwords[user])] if user else []
        return self.send("GET", query, headers=[*basic, *headers], **more)

    def post(self, fields, **more):
        return self.send("POST", data=fields, **more)

    def read(self, response) -> Access:
        assert 200 == response.status_code, response.text
        return self.site.keyring.verify(response.json()["token"], self.site.services)


def basic_header(name, password):
    return "Authorization", "Basic " + b64encode(f"{name}:{password}".encode()).decode()


def error(response):
    return response.status_code, [one["code"] for one in response.json()["errors"]]


def login_form(registry, **more):
    return {
        "grant_type": "password",
        "username": "acme/reader",
        "password": registry.passwords["reader"],
        "client_id": "docker",
        "service": "localhost:5000",
        **more,
    }


def refresh_form(token):
    return {"grant_type": "refresh_token", "refresh_token": token, "scope": "repository:acme/app:pull"}
