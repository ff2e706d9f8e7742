// The core list through the Go SDK: one line of JSON for each step, the same as from the other SDKs.
package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/oracle/oci-go-sdk/v65/artifacts"
	"github.com/oracle/oci-go-sdk/v65/common"
	"github.com/oracle/oci-go-sdk/v65/identity"
)

var (
	prefix     = os.Getenv("MOORAGE_PREFIX")
	key        = "ocid1.key.x.y.z." + strings.Repeat("k", 60)
	keyVersion = "ocid1.key.x.y.z." + strings.Repeat("v", 60)
	text       = common.String
	background = context.Background()
	madeByUs   = text("made by an SDK")
)

type got map[string]any

func tell(step string, what got) {
	what["step"] = step
	line, err := json.Marshal(what)
	check(err)
	fmt.Println(strings.ReplaceAll(string(line), prefix, "P"))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// must returns an answer, and ends the program where there is none.
func must[A any](answer A, err error) A {
	check(err)
	return answer
}

func refused(step string, err error) {
	var service common.ServiceError
	if !errors.As(err, &service) {
		tell(step, got{"status": 0, "code": fmt.Sprint(err)})
		return
	}
	tell(step, got{"status": service.GetHTTPStatusCode(), "code": service.GetCode()})
}

func main() {
	provider := must(common.ConfigurationProviderFromFileWithProfile(
		os.Getenv("MOORAGE_CONFIG"), os.Getenv("MOORAGE_PROFILE"), ""))
	tenancy := text(must(provider.TenancyOCID()))
	// The SDK tries a 404 or 409 again for minutes after anything was made by its identity client. Clients are made so.
	none := common.NoRetryPolicy()
	common.GlobalRetry = &none
	images := must(artifacts.NewArtifactsClientWithConfigurationProvider(provider))
	people := must(identity.NewIdentityClientWithConfigurationProvider(provider))
	images.Host, people.Host = os.Getenv("MOORAGE_ENDPOINT"), os.Getenv("MOORAGE_ENDPOINT")

	compartment := govern(people, tenancy)
	repository := repositories(images, compartment)
	manifests(images, tenancy, compartment)
	gone(images, repository)
}

func govern(people identity.IdentityClient, tenancy *string) *string {
	found := must(people.GetTenancy(background, identity.GetTenancyRequest{TenancyId: tenancy}))
	tell("tenancy", got{"same": *found.Id == *tenancy})
	compartment := must(people.CreateCompartment(background, identity.CreateCompartmentRequest{
		CreateCompartmentDetails: identity.CreateCompartmentDetails{
			CompartmentId: tenancy, Name: &prefix, Description: madeByUs}}))
	tell("compartment", got{"name": compartment.Name, "state": compartment.LifecycleState})
	group := must(people.CreateGroup(background, identity.CreateGroupRequest{
		CreateGroupDetails: identity.CreateGroupDetails{CompartmentId: tenancy, Name: &prefix, Description: madeByUs}}))
	user := must(people.CreateUser(background, identity.CreateUserRequest{
		CreateUserDetails: identity.CreateUserDetails{
			CompartmentId: tenancy, Name: text(prefix + "@example.com"), Description: madeByUs}}))
	member := must(people.AddUserToGroup(background, identity.AddUserToGroupRequest{
		AddUserToGroupDetails: identity.AddUserToGroupDetails{UserId: user.Id, GroupId: group.Id}}))
	tell("member", got{"state": member.LifecycleState, "user": user.Name, "api_keys": user.Capabilities.CanUseApiKeys})
	policies(people, tenancy)

	token := must(people.CreateAuthToken(background, identity.CreateAuthTokenRequest{
		UserId: user.Id, CreateAuthTokenDetails: identity.CreateAuthTokenDetails{Description: madeByUs}}))
	tokens := identity.ListAuthTokensRequest{UserId: user.Id}
	listed := must(people.ListAuthTokens(background, tokens)).Items
	tell("auth token", got{
		"shown": *token.Token != "", "listed": []*string{listed[0].Description}, "again": listed[0].Token})
	must(people.DeleteAuthToken(background, identity.DeleteAuthTokenRequest{UserId: user.Id, AuthTokenId: token.Id}))
	tell("no auth token", got{"listed": len(must(people.ListAuthTokens(background, tokens)).Items)})
	return compartment.Id
}

func policies(people identity.IdentityClient, tenancy *string) {
	statement := fmt.Sprintf("Allow group %s to read repos in compartment %s", prefix, prefix)
	policy := must(people.CreatePolicy(background, identity.CreatePolicyRequest{
		CreatePolicyDetails: identity.CreatePolicyDetails{
			CompartmentId: tenancy, Name: &prefix, Description: madeByUs, Statements: []string{statement}}}))
	update := func(etag *string, statements ...string) (identity.UpdatePolicyResponse, error) {
		return people.UpdatePolicy(background, identity.UpdatePolicyRequest{
			PolicyId: policy.Id, IfMatch: etag,
			UpdatePolicyDetails: identity.UpdatePolicyDetails{Statements: statements}})
	}
	changed := must(update(policy.Etag, statement, strings.Replace(statement, "read", "inspect", 1)))
	tell("policy", got{"statements": changed.Statements})
	_, err := update(policy.Etag, statement)
	refused("stale policy", err)
	_, err = update(nil, "Allow group nobody-knows to read repos in tenancy")
	refused("bad policy", err)
}

func repositories(images artifacts.ArtifactsClient, compartment *string) *string {
	create := func(details artifacts.CreateContainerRepositoryDetails) (artifacts.CreateContainerRepositoryResponse, error) {
		details.CompartmentId = compartment
		return images.CreateContainerRepository(background,
			artifacts.CreateContainerRepositoryRequest{CreateContainerRepositoryDetails: details})
	}
	made := must(create(artifacts.CreateContainerRepositoryDetails{
		DisplayName: text(prefix + "/made"), IsPublic: common.Bool(false), IsImmutable: common.Bool(false),
		Readme: &artifacts.ContainerRepositoryReadme{
			Content: text("# Ä"), Format: artifacts.ContainerRepositoryReadmeFormatMarkdown},
		FreeformTags: map[string]string{"by": "sdk ä"}}))
	tell("repository", got{
		"name": made.DisplayName, "namespace": *made.Namespace == os.Getenv("MOORAGE_NAMESPACE"),
		"public": made.IsPublic, "images": made.ImageCount, "state": made.LifecycleState,
		"readme": made.Readme.Content, "tags": made.FreeformTags})
	_, err := create(artifacts.CreateContainerRepositoryDetails{DisplayName: text(prefix + "/made")})
	refused("same repository", err)
	_, err = create(artifacts.CreateContainerRepositoryDetails{DisplayName: text("Not A Name")})
	refused("bad repository", err)
	must(create(artifacts.CreateContainerRepositoryDetails{DisplayName: text(prefix + "/other")}))

	names, pages, count := []*string{}, 0, 0
	for page := (*string)(nil); pages == 0 || page != nil; pages++ {
		list := must(images.ListContainerRepositories(background, artifacts.ListContainerRepositoriesRequest{
			CompartmentId: compartment, Limit: common.Int(1), Page: page,
			SortBy:    artifacts.ListContainerRepositoriesSortByDisplayname,
			SortOrder: artifacts.ListContainerRepositoriesSortOrderDesc}))
		for _, item := range list.Items {
			names = append(names, item.DisplayName)
		}
		page, count = list.OpcNextPage, *list.RepositoryCount
	}
	tell("repositories", got{"names": names, "pages": pages, "count": count})
	updated := must(images.UpdateContainerRepository(background, artifacts.UpdateContainerRepositoryRequest{
		RepositoryId: made.Id, IfMatch: made.Etag,
		UpdateContainerRepositoryDetails: artifacts.UpdateContainerRepositoryDetails{
			IsImmutable: common.Bool(true), FreeformTags: map[string]string{"by": "another"}}}))
	tell("updated", got{
		"immutable": updated.IsImmutable, "tags": updated.FreeformTags, "readme": updated.Readme.Content})
	return made.Id
}

func manifests(images artifacts.ArtifactsClient, tenancy *string, compartment *string) {
	items := must(images.ListContainerImages(background, artifacts.ListContainerImagesRequest{
		CompartmentId: tenancy, CompartmentIdInSubtree: common.Bool(true), RepositoryName: text(prefix + "/a*"),
		SortBy: artifacts.ListContainerImagesSortByTimecreated})).Items
	image := items[0]
	tell("images", got{"name": image.DisplayName, "version": image.Version, "state": image.LifecycleState})
	get := artifacts.GetContainerImageRequest{ImageId: image.Id}
	whole := must(images.GetContainerImage(background, get))
	bytes := int64(0)
	for _, layer := range whole.Layers {
		bytes += *layer.SizeInBytes
	}
	tell("image", got{
		"layers": len(whole.Layers), "bytes": bytes == *whole.LayersSizeInBytes,
		"versions": []*string{whole.Versions[0].Version}, "digest": *whole.Digest == *image.Digest})
	bare := must(images.RemoveContainerVersion(background, artifacts.RemoveContainerVersionRequest{
		ImageId: image.Id, IfMatch: whole.Etag,
		RemoveContainerVersionDetails: artifacts.RemoveContainerVersionDetails{Version: text("1.0")}}))
	tell("unversioned", got{
		"name": strings.ReplaceAll(*bare.DisplayName, *image.Digest, "D"), "versions": len(bare.Versions)})
	must(images.DeleteContainerImage(background, artifacts.DeleteContainerImageRequest{ImageId: image.Id}))
	tell("deleted", got{"state": must(images.GetContainerImage(background, get)).LifecycleState})
	restore := func(version *string) (artifacts.RestoreContainerImageResponse, error) {
		return images.RestoreContainerImage(background, artifacts.RestoreContainerImageRequest{
			ImageId: image.Id, RestoreContainerImageDetails: artifacts.RestoreContainerImageDetails{Version: version}})
	}
	restored := must(restore(text("1.0")))
	tell("restored", got{"name": restored.DisplayName, "state": restored.LifecycleState})
	_, err := restore(nil)
	refused("restored twice", err)
	signatures(images, tenancy, whole.ContainerImage)

	must(images.ChangeContainerRepositoryCompartment(background, artifacts.ChangeContainerRepositoryCompartmentRequest{
		RepositoryId: image.RepositoryId,
		ChangeContainerRepositoryCompartmentDetails: artifacts.ChangeContainerRepositoryCompartmentDetails{
			CompartmentId: compartment}}))
	moved := must(images.GetContainerImage(background, get))
	tell("moved", got{"there": *moved.CompartmentId == *compartment})
}

func signatures(images artifacts.ArtifactsClient, tenancy *string, image artifacts.ContainerImage) {
	algorithm := artifacts.CreateContainerImageSignatureDetailsSigningAlgorithm256RsaPkcsPss
	message := must(json.Marshal(map[string]string{
		"description": "", "imageDigest": *image.Digest, "kmsKeyId": key, "kmsKeyVersionId": keyVersion,
		"metadata": "", "region": "x", "repositoryName": *image.RepositoryName, "signingAlgorithm": string(algorithm)}))
	signature := must(images.CreateContainerImageSignature(background, artifacts.CreateContainerImageSignatureRequest{
		CreateContainerImageSignatureDetails: artifacts.CreateContainerImageSignatureDetails{
			CompartmentId: image.CompartmentId, ImageId: image.Id, KmsKeyId: &key, KmsKeyVersionId: &keyVersion,
			Message:          text(base64.StdEncoding.EncodeToString(message)),
			Signature:        text(base64.StdEncoding.EncodeToString(make([]byte, 512))),
			SigningAlgorithm: algorithm}}))
	list := artifacts.ListContainerImageSignaturesRequest{CompartmentId: tenancy, ImageId: image.Id, KmsKeyId: &key}
	listed := must(images.ListContainerImageSignatures(background, list)).Items
	tell("signature", got{
		"listed": len(listed) == 1 && *listed[0].Id == *signature.Id, "state": signature.LifecycleState})
	must(images.DeleteContainerImageSignature(background,
		artifacts.DeleteContainerImageSignatureRequest{ImageSignatureId: signature.Id}))
	tell("no signature", got{"listed": len(must(images.ListContainerImageSignatures(background, list)).Items)})
}

func gone(images artifacts.ArtifactsClient, repository *string) {
	must(images.DeleteContainerRepository(background, artifacts.DeleteContainerRepositoryRequest{RepositoryId: repository}))
	get := artifacts.GetContainerRepositoryRequest{RepositoryId: repository}
	tell("repository gone", got{"state": must(images.GetContainerRepository(background, get)).LifecycleState})
	unknown := (*repository)[:len(*repository)-26] + strings.Repeat("0", 26)
	_, err := images.GetContainerRepository(background, artifacts.GetContainerRepositoryRequest{RepositoryId: &unknown})
	refused("unknown", err)
}
