"""POST, PUT, PATCH and DELETE /v2/**: writes blobs, manifests and tags."""
