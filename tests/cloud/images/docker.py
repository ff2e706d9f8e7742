"""Both planes at once: docker pushes and pulls, the cloud plane looks."""

import json
from urllib.parse import quote

from tests.cloud.plane import API
from tests.cloud.schema import check
from tests.routes.registry import CONFIG, Client, image


class Docker(Client):
    """An administrator's docker, in one repository whose display name is `name`."""

    def __init__(self, plane, name="app"):
        super().__init__(plane.registry, "administrator", f"acme/{name}")
        self.plane = plane

    @property
    def repository(self):
        return self.plane.stores.repositories.find(self.name)

    def push(self, tag, *layers, **fields):
        """Push an image that differs from all others by its layers and fields; return its digest as text."""
        return str(self.push_image(tag, *layers, **fields)[1])

    def retag(self, tag, *layers, **fields):
        """Push the manifest of an image that is there under a tag; return the answer."""
        headers = {"Content-Type": "application/vnd.oci.image.manifest.v1+json"}
        return self.put(f"manifests/{tag}", headers, image(*layers, **fields))


def repository(plane, name="app", compartment=None, **changes):
    """Make a repository on the cloud plane and return what was answered."""
    body = {"compartmentId": compartment or plane.tenancy_id, "displayName": name, **changes}
    answer = plane.as_().post("/container/repositories", body)
    assert 200 == answer.status, answer.body
    return answer.json()


def query(path, **parameters):
    """Return a path with its query, escaped as the SDKs do."""
    pairs = [f"{name}={quote(_text(value), safe='')}" for name, value in parameters.items() if value is not None]
    return f"{path}?{'&'.join(pairs)}"


def images(plane, caller=None, compartment=None, **filters):
    """List images; return the answer's body."""
    path = query("/container/images", compartmentId=compartment or plane.tenancy_id, **filters)
    answer = (caller or plane.as_()).get(path)
    assert 200 == answer.status, answer.body
    return answer.json()


def names(plane, **filters):
    return [item["displayName"] for item in images(plane, **filters)["items"]]


def all_pages(plane, path="/container/images", **filters):
    """Follow opc-next-page from the first page on; return the items of each page."""
    pages, token = [], None
    while len(pages) < 100:
        answer = plane.as_().get(query(path, compartmentId=plane.tenancy_id, page=token, **filters))
        assert 200 == answer.status, answer.body
        pages.append(answer.json()["items"])
        token = answer.headers.get("opc-next-page")
        if token is None:
            return pages
    raise AssertionError("no end")


def image_of(plane, digest, **filters):
    """Return the summary of the image that has a digest."""
    (found,) = images(plane, imageDigest=digest, **filters)["items"]
    return found


def _text(value):
    return json.dumps(value) if isinstance(value, bool | int) else value


def get(plane, path):
    answer = plane.as_().get(path)
    check("GET", f"{API}{path}", answer)
    assert 200 == answer.status, answer.body
    return answer.json()


__all__ = ["CONFIG", "Docker", "all_pages", "get", "image_of", "images", "names", "query", "repository"]
