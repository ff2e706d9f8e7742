// The core list through the TypeScript SDK: one line of JSON for each step, the same as from the other SDKs.

import artifactsModule from "oci-artifacts";
import common from "oci-common";
import identityModule from "oci-identity";

const { MOORAGE_ENDPOINT, MOORAGE_CONFIG, MOORAGE_PROFILE, MOORAGE_PREFIX, MOORAGE_NAMESPACE } = process.env;
const KEY = `ocid1.key.x.y.z.${"k".repeat(60)}`;
const KEY_VERSION = `ocid1.key.x.y.z.${"v".repeat(60)}`;
const ALGORITHM = "SHA_256_RSA_PKCS_PSS";

const provider = new common.ConfigFileAuthenticationDetailsProvider(MOORAGE_CONFIG, MOORAGE_PROFILE);
const tenancy = provider.getTenantId();
const artifacts = new artifactsModule.ArtifactsClient({ authenticationDetailsProvider: provider });
const identity = new identityModule.IdentityClient({ authenticationDetailsProvider: provider });
artifacts.endpoint = MOORAGE_ENDPOINT;
identity.endpoint = MOORAGE_ENDPOINT;

function tell(step, got) {
  console.log(JSON.stringify({ step, ...got }).replaceAll(MOORAGE_PREFIX, "P"));
}

async function refused(step, call) {
  try {
    await call();
    tell(step, { status: 0, code: "" });
  } catch (error) {
    tell(step, { status: error.statusCode, code: error.serviceCode });
  }
}

const description = "made by an SDK";
const named = { compartmentId: tenancy, name: MOORAGE_PREFIX, description };

tell("tenancy", { same: (await identity.getTenancy({ tenancyId: tenancy })).tenancy.id === tenancy });
const { compartment } = await identity.createCompartment({ createCompartmentDetails: named });
tell("compartment", { name: compartment.name, state: compartment.lifecycleState });
const { group } = await identity.createGroup({ createGroupDetails: named });
const { user } = await identity.createUser({
  createUserDetails: { ...named, name: `${MOORAGE_PREFIX}@example.com` },
});
const { userGroupMembership } = await identity.addUserToGroup({
  addUserToGroupDetails: { userId: user.id, groupId: group.id },
});
tell("member", {
  state: userGroupMembership.lifecycleState,
  user: user.name,
  api_keys: user.capabilities.canUseApiKeys,
});

const statement = `Allow group ${MOORAGE_PREFIX} to read repos in compartment ${MOORAGE_PREFIX}`;
const { policy, etag } = await identity.createPolicy({
  createPolicyDetails: { ...named, statements: [statement] },
});
const update = (statements, ifMatch) =>
  identity.updatePolicy({ policyId: policy.id, updatePolicyDetails: { statements }, ifMatch });
const changed = await update([statement, statement.replace("read", "inspect")], etag);
tell("policy", { statements: changed.policy.statements });
await refused("stale policy", () => update([statement], etag));
await refused("bad policy", () => update(["Allow group nobody-knows to read repos in tenancy"]));
const { authToken } = await identity.createAuthToken({
  userId: user.id,
  createAuthTokenDetails: { description },
});
const tokens = (await identity.listAuthTokens({ userId: user.id })).items;
tell("auth token", {
  shown: Boolean(authToken.token),
  listed: tokens.map((one) => one.description),
  again: tokens[0].token ?? null,
});
await identity.deleteAuthToken({ userId: user.id, authTokenId: authToken.id });
tell("no auth token", { listed: (await identity.listAuthTokens({ userId: user.id })).items.length });

const create = (displayName, more = {}) =>
  artifacts.createContainerRepository({
    createContainerRepositoryDetails: { compartmentId: compartment.id, displayName, ...more },
  });
const made = await create(`${MOORAGE_PREFIX}/made`, {
  isPublic: false,
  isImmutable: false,
  readme: { content: "# Ä", format: "TEXT_MARKDOWN" },
  freeformTags: { by: "sdk ä" },
});
const repository = made.containerRepository;
tell("repository", {
  name: repository.displayName,
  namespace: repository.namespace === MOORAGE_NAMESPACE,
  public: repository.isPublic,
  images: repository.imageCount,
  state: repository.lifecycleState,
  readme: repository.readme.content,
  tags: repository.freeformTags,
});
await refused("same repository", () => create(`${MOORAGE_PREFIX}/made`));
await refused("bad repository", () => create("Not A Name"));
await create(`${MOORAGE_PREFIX}/other`);
const names = [];
let pages = 0;
let page;
let list;
do {
  list = await artifacts.listContainerRepositories({
    compartmentId: compartment.id,
    limit: 1,
    sortBy: "DISPLAYNAME",
    sortOrder: "DESC",
    page,
  });
  names.push(...list.containerRepositoryCollection.items.map((item) => item.displayName));
  page = list.opcNextPage;
  pages += 1;
} while (page);
tell("repositories", { names, pages, count: list.containerRepositoryCollection.repositoryCount });
const updated = (
  await artifacts.updateContainerRepository({
    repositoryId: repository.id,
    updateContainerRepositoryDetails: { isImmutable: true, freeformTags: { by: "another" } },
    ifMatch: made.etag,
  })
).containerRepository;
tell("updated", { immutable: updated.isImmutable, tags: updated.freeformTags, readme: updated.readme.content });

const [image] = (
  await artifacts.listContainerImages({
    compartmentId: tenancy,
    compartmentIdInSubtree: true,
    repositoryName: `${MOORAGE_PREFIX}/a*`,
    sortBy: "TIMECREATED",
  })
).containerImageCollection.items;
tell("images", { name: image.displayName, version: image.version, state: image.lifecycleState });
const whole = await artifacts.getContainerImage({ imageId: image.id });
const { layers, layersSizeInBytes, versions, digest } = whole.containerImage;
tell("image", {
  layers: layers.length,
  bytes: layersSizeInBytes === layers.reduce((sum, layer) => sum + layer.sizeInBytes, 0),
  versions: versions.map((one) => one.version),
  digest: digest === image.digest,
});
const bare = (
  await artifacts.removeContainerVersion({
    imageId: image.id,
    removeContainerVersionDetails: { version: "1.0" },
    ifMatch: whole.etag,
  })
).containerImage;
tell("unversioned", { name: bare.displayName.replace(image.digest, "D"), versions: bare.versions.length });
await artifacts.deleteContainerImage({ imageId: image.id });
tell("deleted", {
  state: (await artifacts.getContainerImage({ imageId: image.id })).containerImage.lifecycleState,
});
const restore = (details) =>
  artifacts.restoreContainerImage({ imageId: image.id, restoreContainerImageDetails: details });
const restored = (await restore({ version: "1.0" })).containerImage;
tell("restored", { name: restored.displayName, state: restored.lifecycleState });
await refused("restored twice", () => restore({}));

const message = {
  description: "",
  imageDigest: image.digest,
  kmsKeyId: KEY,
  kmsKeyVersionId: KEY_VERSION,
  metadata: "",
  region: "x",
  repositoryName: image.repositoryName,
  signingAlgorithm: ALGORITHM,
};
const signature = (
  await artifacts.createContainerImageSignature({
    createContainerImageSignatureDetails: {
      compartmentId: image.compartmentId,
      imageId: image.id,
      kmsKeyId: KEY,
      kmsKeyVersionId: KEY_VERSION,
      message: Buffer.from(JSON.stringify(message)).toString("base64"),
      signature: Buffer.alloc(512).toString("base64"),
      signingAlgorithm: ALGORITHM,
    },
  })
).containerImageSignature;
const signatures = async (kmsKeyId) =>
  (await artifacts.listContainerImageSignatures({ compartmentId: tenancy, imageId: image.id, kmsKeyId }))
    .containerImageSignatureCollection.items;
const listed = await signatures(KEY);
tell("signature", {
  listed: listed.length === 1 && listed[0].id === signature.id,
  state: signature.lifecycleState,
});
await artifacts.deleteContainerImageSignature({ imageSignatureId: signature.id });
tell("no signature", { listed: (await signatures()).length });

await artifacts.changeContainerRepositoryCompartment({
  repositoryId: image.repositoryId,
  changeContainerRepositoryCompartmentDetails: { compartmentId: compartment.id },
});
const moved = (await artifacts.getContainerImage({ imageId: image.id })).containerImage;
tell("moved", { there: moved.compartmentId === compartment.id });
await artifacts.deleteContainerRepository({ repositoryId: repository.id });
const gone = (await artifacts.getContainerRepository({ repositoryId: repository.id })).containerRepository;
tell("repository gone", { state: gone.lifecycleState });
await refused("unknown", () =>
  artifacts.getContainerRepository({ repositoryId: repository.id.slice(0, -26) + "0".repeat(26) }),
);
