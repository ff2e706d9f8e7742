import com.fasterxml.jackson.databind.ObjectMapper;
import com.oracle.bmc.artifacts.ArtifactsClient;
import com.oracle.bmc.artifacts.model.*;
import com.oracle.bmc.artifacts.requests.*;
import com.oracle.bmc.auth.ConfigFileAuthenticationDetailsProvider;
import com.oracle.bmc.identity.IdentityClient;
import com.oracle.bmc.identity.model.*;
import com.oracle.bmc.identity.requests.*;
import com.oracle.bmc.model.BmcException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The core list through the Java SDK: one line of JSON for each step, the same as from the other SDKs. */
public final class Core {
    private static final String ENDPOINT = System.getenv("MOORAGE_ENDPOINT");
    private static final String PREFIX = System.getenv("MOORAGE_PREFIX");
    private static final String KEY = "ocid1.key.x.y.z." + "k".repeat(60);
    private static final String KEY_VERSION = "ocid1.key.x.y.z." + "v".repeat(60);
    private static final String MADE_BY_US = "made by an SDK";
    private static final ObjectMapper JSON = new ObjectMapper();

    private final ArtifactsClient artifacts;
    private final IdentityClient identity;
    private final String tenancy;
    private String compartment;

    private Core(ConfigFileAuthenticationDetailsProvider provider) {
        artifacts = ArtifactsClient.builder().endpoint(ENDPOINT).build(provider);
        identity = IdentityClient.builder().endpoint(ENDPOINT).build(provider);
        tenancy = provider.getTenantId();
    }

    public static void main(String[] arguments) throws Exception {
        Core core = new Core(new ConfigFileAuthenticationDetailsProvider(
                System.getenv("MOORAGE_CONFIG"), System.getenv("MOORAGE_PROFILE")));
        core.govern();
        String repository = core.repositories();
        core.images();
        core.gone(repository);
        core.artifacts.close();
        core.identity.close();
    }

    /** Prints a step: names and values in turn. */
    private static void tell(String step, Object... pairs) throws Exception {
        Map<String, Object> got = new TreeMap<>(Map.of("step", step));
        for (int place = 0; place < pairs.length; place += 2) {
            got.put((String) pairs[place], pairs[place + 1]);
        }
        System.out.println(JSON.writeValueAsString(got).replace(PREFIX, "P"));
    }

    private static void refused(String step, Runnable call) throws Exception {
        try {
            call.run();
            tell(step, "status", 0, "code", "");
        } catch (BmcException error) {
            tell(step, "status", error.getStatusCode(), "code", error.getServiceCode());
        }
    }

    private void govern() throws Exception {
        var found = identity.getTenancy(GetTenancyRequest.builder().tenancyId(tenancy).build()).getTenancy();
        tell("tenancy", "same", found.getId().equals(tenancy));
        var made = identity.createCompartment(CreateCompartmentRequest.builder()
                .createCompartmentDetails(CreateCompartmentDetails.builder()
                        .compartmentId(tenancy).name(PREFIX).description(MADE_BY_US).build())
                .build()).getCompartment();
        compartment = made.getId();
        tell("compartment", "name", made.getName(), "state", made.getLifecycleState().getValue());
        var group = identity.createGroup(CreateGroupRequest.builder()
                .createGroupDetails(CreateGroupDetails.builder()
                        .compartmentId(tenancy).name(PREFIX).description(MADE_BY_US).build())
                .build()).getGroup();
        var user = identity.createUser(CreateUserRequest.builder()
                .createUserDetails(CreateUserDetails.builder()
                        .compartmentId(tenancy).name(PREFIX + "@example.com").description(MADE_BY_US).build())
                .build()).getUser();
        var member = identity.addUserToGroup(AddUserToGroupRequest.builder()
                .addUserToGroupDetails(AddUserToGroupDetails.builder()
                        .userId(user.getId()).groupId(group.getId()).build())
                .build()).getUserGroupMembership();
        tell("member", "state", member.getLifecycleState().getValue(), "user", user.getName(),
                "api_keys", user.getCapabilities().getCanUseApiKeys());
        policies();
        authTokens(user.getId());
    }

    private void policies() throws Exception {
        String statement = "Allow group " + PREFIX + " to read repos in compartment " + PREFIX;
        var policy = identity.createPolicy(CreatePolicyRequest.builder()
                .createPolicyDetails(CreatePolicyDetails.builder()
                        .compartmentId(tenancy).name(PREFIX).description(MADE_BY_US)
                        .statements(List.of(statement)).build())
                .build());
        String id = policy.getPolicy().getId();
        var changed = update(id, policy.getEtag(), List.of(statement, statement.replace("read", "inspect")));
        tell("policy", "statements", changed.getStatements());
        refused("stale policy", () -> update(id, policy.getEtag(), List.of(statement)));
        refused("bad policy", () -> update(id, null, List.of("Allow group nobody-knows to read repos in tenancy")));
    }

    private Policy update(String id, String etag, List<String> statements) {
        return identity.updatePolicy(UpdatePolicyRequest.builder()
                .policyId(id).ifMatch(etag)
                .updatePolicyDetails(UpdatePolicyDetails.builder().statements(statements).build())
                .build()).getPolicy();
    }

    private void authTokens(String user) throws Exception {
        var token = identity.createAuthToken(CreateAuthTokenRequest.builder()
                .userId(user)
                .createAuthTokenDetails(CreateAuthTokenDetails.builder().description(MADE_BY_US).build())
                .build()).getAuthToken();
        var list = ListAuthTokensRequest.builder().userId(user).build();
        var listed = identity.listAuthTokens(list).getItems();
        tell("auth token", "shown", !token.getToken().isEmpty(),
                "listed", listed.stream().map(AuthToken::getDescription).toList(), "again", listed.get(0).getToken());
        identity.deleteAuthToken(
                DeleteAuthTokenRequest.builder().userId(user).authTokenId(token.getId()).build());
        tell("no auth token", "listed", identity.listAuthTokens(list).getItems().size());
    }

    private com.oracle.bmc.artifacts.responses.CreateContainerRepositoryResponse create(
            CreateContainerRepositoryDetails.Builder details) {
        return artifacts.createContainerRepository(CreateContainerRepositoryRequest.builder()
                .createContainerRepositoryDetails(details.compartmentId(compartment).build()).build());
    }

    private static CreateContainerRepositoryDetails.Builder named(String name) {
        return CreateContainerRepositoryDetails.builder().displayName(name);
    }

    private String repositories() throws Exception {
        var response = create(named(PREFIX + "/made").isPublic(false).isImmutable(false)
                .readme(ContainerRepositoryReadme.builder()
                        .content("# Ä").format(ContainerRepositoryReadme.Format.TextMarkdown).build())
                .freeformTags(Map.of("by", "sdk ä")));
        var made = response.getContainerRepository();
        tell("repository", "name", made.getDisplayName(),
                "namespace", made.getNamespace().equals(System.getenv("MOORAGE_NAMESPACE")),
                "public", made.getIsPublic(), "images", made.getImageCount(),
                "state", made.getLifecycleState().getValue(), "readme", made.getReadme().getContent(),
                "tags", made.getFreeformTags());
        refused("same repository", () -> create(named(PREFIX + "/made")));
        refused("bad repository", () -> create(named("Not A Name")));
        create(named(PREFIX + "/other"));
        List<String> names = new ArrayList<>();
        int pages = 0;
        int count = 0;
        String page = null;
        do {
            var list = artifacts.listContainerRepositories(ListContainerRepositoriesRequest.builder()
                    .compartmentId(compartment).limit(1).page(page)
                    .sortBy(ListContainerRepositoriesRequest.SortBy.Displayname)
                    .sortOrder(ListContainerRepositoriesRequest.SortOrder.Desc).build());
            list.getContainerRepositoryCollection().getItems().forEach(item -> names.add(item.getDisplayName()));
            count = list.getContainerRepositoryCollection().getRepositoryCount();
            page = list.getOpcNextPage();
            pages++;
        } while (page != null);
        tell("repositories", "names", names, "pages", pages, "count", count);
        var updated = artifacts.updateContainerRepository(UpdateContainerRepositoryRequest.builder()
                .repositoryId(made.getId()).ifMatch(response.getEtag())
                .updateContainerRepositoryDetails(UpdateContainerRepositoryDetails.builder()
                        .isImmutable(true).freeformTags(Map.of("by", "another")).build())
                .build()).getContainerRepository();
        tell("updated", "immutable", updated.getIsImmutable(), "tags", updated.getFreeformTags(),
                "readme", updated.getReadme().getContent());
        return made.getId();
    }

    private void images() throws Exception {
        var image = artifacts.listContainerImages(ListContainerImagesRequest.builder()
                .compartmentId(tenancy).compartmentIdInSubtree(true).repositoryName(PREFIX + "/a*")
                .sortBy(ListContainerImagesRequest.SortBy.Timecreated).build())
                .getContainerImageCollection().getItems().get(0);
        tell("images", "name", image.getDisplayName(), "version", image.getVersion(),
                "state", image.getLifecycleState());
        var get = GetContainerImageRequest.builder().imageId(image.getId()).build();
        var response = artifacts.getContainerImage(get);
        var whole = response.getContainerImage();
        long bytes = whole.getLayers().stream().mapToLong(ContainerImageLayer::getSizeInBytes).sum();
        tell("image", "layers", whole.getLayers().size(), "bytes", bytes == whole.getLayersSizeInBytes(),
                "versions", whole.getVersions().stream().map(ContainerVersion::getVersion).toList(),
                "digest", whole.getDigest().equals(image.getDigest()));
        var bare = artifacts.removeContainerVersion(RemoveContainerVersionRequest.builder()
                .imageId(image.getId()).ifMatch(response.getEtag())
                .removeContainerVersionDetails(RemoveContainerVersionDetails.builder().version("1.0").build())
                .build()).getContainerImage();
        tell("unversioned", "name", bare.getDisplayName().replace(image.getDigest(), "D"),
                "versions", bare.getVersions().size());
        artifacts.deleteContainerImage(DeleteContainerImageRequest.builder().imageId(image.getId()).build());
        tell("deleted", "state", artifacts.getContainerImage(get).getContainerImage().getLifecycleState().getValue());
        var restored = restore(image.getId(), "1.0");
        tell("restored", "name", restored.getDisplayName(), "state", restored.getLifecycleState().getValue());
        refused("restored twice", () -> restore(image.getId(), null));
        signatures(whole);
        artifacts.changeContainerRepositoryCompartment(ChangeContainerRepositoryCompartmentRequest.builder()
                .repositoryId(image.getRepositoryId())
                .changeContainerRepositoryCompartmentDetails(ChangeContainerRepositoryCompartmentDetails.builder()
                        .compartmentId(compartment).build())
                .build());
        var moved = artifacts.getContainerImage(get).getContainerImage();
        tell("moved", "there", moved.getCompartmentId().equals(compartment));
    }

    private ContainerImage restore(String image, String version) {
        return artifacts.restoreContainerImage(RestoreContainerImageRequest.builder()
                .imageId(image)
                .restoreContainerImageDetails(RestoreContainerImageDetails.builder().version(version).build())
                .build()).getContainerImage();
    }

    private void signatures(ContainerImage image) throws Exception {
        var algorithm = CreateContainerImageSignatureDetails.SigningAlgorithm.Sha256RsaPkcsPss;
        byte[] message = JSON.writeValueAsBytes(new TreeMap<>(Map.of(
                "description", "", "imageDigest", image.getDigest(), "kmsKeyId", KEY, "kmsKeyVersionId", KEY_VERSION,
                "metadata", "", "region", "x", "repositoryName", image.getRepositoryName(),
                "signingAlgorithm", algorithm.getValue())));
        var encoder = Base64.getEncoder();
        var signature = artifacts.createContainerImageSignature(CreateContainerImageSignatureRequest.builder()
                .createContainerImageSignatureDetails(CreateContainerImageSignatureDetails.builder()
                        .compartmentId(image.getCompartmentId()).imageId(image.getId())
                        .kmsKeyId(KEY).kmsKeyVersionId(KEY_VERSION)
                        .message(new String(encoder.encode(message), StandardCharsets.US_ASCII))
                        .signature(new String(encoder.encode(new byte[512]), StandardCharsets.US_ASCII))
                        .signingAlgorithm(algorithm).build())
                .build()).getContainerImageSignature();
        var list = ListContainerImageSignaturesRequest.builder()
                .compartmentId(tenancy).imageId(image.getId()).kmsKeyId(KEY).build();
        var listed = artifacts.listContainerImageSignatures(list).getContainerImageSignatureCollection().getItems();
        tell("signature", "listed", listed.size() == 1 && listed.get(0).getId().equals(signature.getId()),
                "state", signature.getLifecycleState().getValue());
        artifacts.deleteContainerImageSignature(DeleteContainerImageSignatureRequest.builder()
                .imageSignatureId(signature.getId()).build());
        tell("no signature", "listed", artifacts.listContainerImageSignatures(list)
                .getContainerImageSignatureCollection().getItems().size());
    }

    private void gone(String repository) throws Exception {
        artifacts.deleteContainerRepository(
                DeleteContainerRepositoryRequest.builder().repositoryId(repository).build());
        tell("repository gone", "state", get(repository).getLifecycleState().getValue());
        String unknown = repository.substring(0, repository.length() - 26) + "0".repeat(26);
        refused("unknown", () -> get(unknown));
    }

    private ContainerRepository get(String id) {
        return artifacts.getContainerRepository(
                GetContainerRepositoryRequest.builder().repositoryId(id).build()).getContainerRepository();
    }
}
