// Package ginkgo pins the specification's v1.1 conformance suite, which is only published as a test package.
package ginkgo

import _ "github.com/opencontainers/distribution-spec/conformance"
