"""The core list through the Python SDK: one line of JSON for each step, the same as from the other SDKs."""

import base64
import json
import os
from collections.abc import Callable
from typing import Any

import oci

ENDPOINT, PREFIX, NAMESPACE = (os.environ[f"MOORAGE_{name}"] for name in ("ENDPOINT", "PREFIX", "NAMESPACE"))
CONFIG = oci.config.from_file(os.environ["MOORAGE_CONFIG"], os.environ["MOORAGE_PROFILE"])
TENANCY = CONFIG["tenancy"]
KEY, KEY_VERSION = (f"ocid1.key.x.y.z.{kind * 60}" for kind in "kv")
ALGORITHM = "SHA_256_RSA_PKCS_PSS"

artifacts = oci.artifacts.ArtifactsClient(CONFIG, service_endpoint=ENDPOINT)
identity = oci.identity.IdentityClient(CONFIG, service_endpoint=ENDPOINT)
wanted, known = oci.artifacts.models, oci.identity.models


def tell(step: str, **got: Any) -> None:
    """Print a step with the run's own prefix taken out."""
    print(json.dumps({"step": step, **got}, sort_keys=True).replace(PREFIX, "P"))  # noqa: T201


def refused(step: str, call: Callable[..., Any], *arguments: Any, **options: Any) -> None:
    """Print how a call is refused."""
    try:
        call(*arguments, **options)
    except oci.exceptions.ServiceError as error:
        tell(step, status=error.status, code=error.code)
    else:
        tell(step, status=0, code="")


tell("tenancy", same=identity.get_tenancy(TENANCY).data.id == TENANCY)
compartment = identity.create_compartment(
    known.CreateCompartmentDetails(compartment_id=TENANCY, name=PREFIX, description="made by an SDK")
).data
tell("compartment", name=compartment.name, state=compartment.lifecycle_state)
group = identity.create_group(
    known.CreateGroupDetails(compartment_id=TENANCY, name=PREFIX, description="made by an SDK")
).data
user = identity.create_user(
    known.CreateUserDetails(compartment_id=TENANCY, name=f"{PREFIX}@example.com", description="made by an SDK")
).data
membership = identity.add_user_to_group(known.AddUserToGroupDetails(user_id=user.id, group_id=group.id)).data
tell("member", state=membership.lifecycle_state, user=user.name, api_keys=user.capabilities.can_use_api_keys)

statement = f"Allow group {PREFIX} to read repos in compartment {PREFIX}"
policy = identity.create_policy(
    known.CreatePolicyDetails(compartment_id=TENANCY, name=PREFIX, description="made by an SDK", statements=[statement])
)
changed = identity.update_policy(
    policy.data.id,
    known.UpdatePolicyDetails(statements=[statement, statement.replace("read", "inspect")]),
    if_match=policy.headers["etag"],
)
tell("policy", statements=changed.data.statements)
refused(
    "stale policy",
    identity.update_policy,
    policy.data.id,
    known.UpdatePolicyDetails(statements=[statement]),
    if_match=policy.headers["etag"],
)
refused(
    "bad policy",
    identity.update_policy,
    policy.data.id,
    known.UpdatePolicyDetails(statements=["Allow group nobody-knows to read repos in tenancy"]),
)
token = identity.create_auth_token(known.CreateAuthTokenDetails(description="made by an SDK"), user.id).data
listed = identity.list_auth_tokens(user.id).data
tell("auth token", shown=bool(token.token), listed=[one.description for one in listed], again=listed[0].token)
identity.delete_auth_token(user.id, token.id)
tell("no auth token", listed=len(identity.list_auth_tokens(user.id).data))

made = artifacts.create_container_repository(
    wanted.CreateContainerRepositoryDetails(
        compartment_id=compartment.id,
        display_name=f"{PREFIX}/made",
        is_public=False,
        is_immutable=False,
        readme=wanted.ContainerRepositoryReadme(content="# Ä", format="TEXT_MARKDOWN"),
        freeform_tags={"by": "sdk ä"},
    )
)
tell(
    "repository",
    name=made.data.display_name,
    namespace=made.data.namespace == NAMESPACE,
    public=made.data.is_public,
    images=made.data.image_count,
    state=made.data.lifecycle_state,
    readme=made.data.readme.content,
    tags=made.data.freeform_tags,
)
again = wanted.CreateContainerRepositoryDetails(compartment_id=compartment.id, display_name=f"{PREFIX}/made")
refused("same repository", artifacts.create_container_repository, again)
bad = wanted.CreateContainerRepositoryDetails(compartment_id=compartment.id, display_name="Not A Name")
refused("bad repository", artifacts.create_container_repository, bad)
other = wanted.CreateContainerRepositoryDetails(compartment_id=compartment.id, display_name=f"{PREFIX}/other")
artifacts.create_container_repository(other)
names, pages, page = [], 0, None
while pages == 0 or page:
    answer = artifacts.list_container_repositories(
        compartment.id, limit=1, sort_by="DISPLAYNAME", sort_order="DESC", **({"page": page} if page else {})
    )
    names += [item.display_name for item in answer.data.items]
    pages, page = pages + 1, answer.next_page
tell("repositories", names=names, pages=pages, count=answer.data.repository_count)
updated = artifacts.update_container_repository(
    made.data.id,
    wanted.UpdateContainerRepositoryDetails(is_immutable=True, freeform_tags={"by": "another"}),
    if_match=made.headers["etag"],
).data
tell("updated", immutable=updated.is_immutable, tags=updated.freeform_tags, readme=updated.readme.content)

(image,) = artifacts.list_container_images(
    TENANCY, compartment_id_in_subtree=True, repository_name=f"{PREFIX}/a*", sort_by="TIMECREATED"
).data.items
tell("images", name=image.display_name, version=image.version, state=image.lifecycle_state)
whole = artifacts.get_container_image(image.id)
tell(
    "image",
    layers=len(whole.data.layers),
    bytes=whole.data.layers_size_in_bytes == sum(layer.size_in_bytes for layer in whole.data.layers),
    versions=[one.version for one in whole.data.versions],
    digest=whole.data.digest == image.digest,
)
remove = wanted.RemoveContainerVersionDetails(version="1.0")
bare = artifacts.remove_container_version(image.id, remove, if_match=whole.headers["etag"]).data
tell("unversioned", name=bare.display_name.replace(image.digest, "D"), versions=len(bare.versions))
artifacts.delete_container_image(image.id)
tell("deleted", state=artifacts.get_container_image(image.id).data.lifecycle_state)
restored = artifacts.restore_container_image(image.id, wanted.RestoreContainerImageDetails(version="1.0")).data
tell("restored", name=restored.display_name, state=restored.lifecycle_state)
refused("restored twice", artifacts.restore_container_image, image.id, wanted.RestoreContainerImageDetails())

message = {
    "description": "",
    "imageDigest": image.digest,
    "kmsKeyId": KEY,
    "kmsKeyVersionId": KEY_VERSION,
    "metadata": "",
    "region": "x",
    "repositoryName": image.repository_name,
    "signingAlgorithm": ALGORITHM,
}
details = wanted.CreateContainerImageSignatureDetails(
    compartment_id=image.compartment_id,
    image_id=image.id,
    kms_key_id=KEY,
    kms_key_version_id=KEY_VERSION,
    message=base64.b64encode(json.dumps(message, separators=(",", ":")).encode()).decode(),
    signature=base64.b64encode(bytes(512)).decode(),
    signing_algorithm=ALGORITHM,
)
signature = artifacts.create_container_image_signature(details).data
listed = artifacts.list_container_image_signatures(TENANCY, image_id=image.id, kms_key_id=KEY).data.items
tell("signature", listed=[one.id for one in listed] == [signature.id], state=signature.lifecycle_state)
artifacts.delete_container_image_signature(signature.id)
tell("no signature", listed=len(artifacts.list_container_image_signatures(TENANCY, image_id=image.id).data.items))

move = wanted.ChangeContainerRepositoryCompartmentDetails(compartment_id=compartment.id)
artifacts.change_container_repository_compartment(image.repository_id, move)
moved = artifacts.get_container_image(image.id).data
tell("moved", there=moved.compartment_id == compartment.id)
artifacts.delete_container_repository(made.data.id)
tell("repository gone", state=artifacts.get_container_repository(made.data.id).data.lifecycle_state)
refused("unknown", artifacts.get_container_repository, made.data.id[:-26] + "0" * 26)
