#!/usr/bin/env bash
# Installs the real clients, engines and conformance suites of the acceptance tests below .tools/.
# Only package registries are asked, through their ordinary clients. What is already there is not fetched again.
set -euo pipefail

SCRIPT=$(realpath "${BASH_SOURCE[0]}")
HERE=$(dirname "$SCRIPT")
TOOLS=$(realpath "$HERE/../..")/.tools
BIN=$TOOLS/bin
DEBIAN=$TOOLS/debian
STAMPS=$TOOLS/stamps
PATH=$TOOLS/go/bin:$PATH:/usr/sbin:/sbin

# The engine of the classic image store, and the clients that must match the machine's libraries.
MACHINE_PACKAGES=(docker.io iptables podman runc skopeo debootstrap)
# What runs the SDKs of the cloud plane, where the machine has nothing of that name yet: program and package.
SDK_PROGRAMS=(node=nodejs npm=npm java=default-jdk-headless mvn=maven)
# Unpacked from a newer suite: the engine of the containerd image store, and the signers.
NEWER_SUITE=sid
NEWER_PACKAGES=(docker.io docker-cli docker-buildx containerd cosign notation)
# Has Python 3.13, as the functions do.
PYTHON_SUITE=trixie
GO_MINIMUM=1.26

export DEBIAN_FRONTEND=noninteractive
export GOPATH=$TOOLS/gopath GOMODCACHE=$TOOLS/gopath/mod GOCACHE=$TOOLS/gocache GOTOOLCHAIN=local
export GOFLAGS="-p=2 -trimpath -modcacherw -buildvcs=false"

fail() {
  echo "install.sh: $*" >&2
  exit 1
}

# step SECONDS NAME FUNCTION [ARGUMENT...] runs the function once, bounded in time, and prints one line.
# This script is started anew for it, since timeout knows commands only, and "set -e" rests inside conditions.
step() {
  local limit=$1 name=$2 started=$SECONDS
  shift 2
  if [ -e "$STAMPS/$name" ]; then
    echo "$name: already there"
    return
  fi
  if ! timeout --kill-after=10 "$limit" bash "$SCRIPT" "$@" >"$STAMPS/$name.log" 2>&1 </dev/null; then
    tail -n 40 "$STAMPS/$name.log" >&2
    fail "$name failed after $((SECONDS - started)) s of at most $limit s"
  fi
  touch "$STAMPS/$name"
  echo "$name: done in $((SECONDS - started)) s"
}

# --- Debian ---

install_machine_packages() {
  local missing=()
  for package in "${MACHINE_PACKAGES[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  for program in "${SDK_PROGRAMS[@]}"; do
    command -v "${program%=*}" >/dev/null || missing+=("${program#*=}")
  done
  [ ${#missing[@]} -eq 0 ] && return
  [ "$(id -u)" -eq 0 ] || fail "installing ${missing[*]} needs root"
  apt-get -qq -o Acquire::Retries=3 update
  apt-get -qq -y --no-install-recommends -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 install "${missing[@]}"
}

# Its own source, lists and cache: the machine's apt does not learn of the newer suite.
apt_newer() {
  local command=$1
  shift
  "$command" -qq -o "Dir::Etc::sourcelist=$TOOLS/apt/newer.$(cat "$TOOLS/apt/format")" -o Dir::Etc::sourceparts=/dev/null \
    -o "Dir::State::lists=$TOOLS/apt/lists" -o "Dir::Cache=$TOOLS/apt/cache" -o APT::Sandbox::User=root \
    -o Acquire::Check-Valid-Until=false -o Acquire::Retries=3 "$@"
}

# The machine's own Debian source with the suite's name replaced, in whichever of apt's two formats it is.
write_newer_source() {
  mkdir -p "$TOOLS/apt/lists/partial" "$TOOLS/apt/cache/archives/partial"
  cat /etc/apt/sources.list.d/*.sources 2>/dev/null | sed '/^#/d' | awk -v suite="$NEWER_SUITE" '
    BEGIN { RS = "" }
    /URIs:[^\n]*\/debian\/?(\n|$)/ && !found++ { sub(/Suites:[^\n]*/, "Suites: " suite); print }' >"$TOOLS/apt/newer.sources" || true
  cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
    sed -nE "s#^deb +((\[[^]]*\] +)?[^ ]+/debian/?) .*#deb \1 $NEWER_SUITE main#p" | head -n 1 >"$TOOLS/apt/newer.list" || true
  for format in sources list; do
    if [ -s "$TOOLS/apt/newer.$format" ]; then
      echo "$format" >"$TOOLS/apt/format"
      return
    fi
  done
  fail "no Debian source found below /etc/apt"
}

update_newer() {
  write_newer_source
  apt_newer apt-get update
}

# unpack FOLDER PACKAGE...: fetches and unpacks beside the system, without dependencies.
unpack() {
  local folder=$1 fetched
  shift
  fetched=$(mktemp -d "$TOOLS/apt/fetched.XXXX")
  (cd "$fetched" && apt_newer apt-get download "$@")
  for archive in "$fetched"/*.deb; do dpkg -x "$archive" "$folder"; done
  rm -r "$fetched"
}

unpack_newer_packages() {
  unpack "$DEBIAN" "${NEWER_PACKAGES[@]}"
  ln -sf "$DEBIAN"/usr/bin/{docker,cosign,notation} "$BIN"
  ln -sf "$(find "$DEBIAN/usr" -path '*cli-plugins/docker-buildx')" "$BIN"
  # Runs each once: a newer suite's program may want a newer C library than the machine has.
  for program in "$DEBIAN"/usr/{sbin/dockerd,bin/containerd,bin/docker,bin/cosign} "$BIN/docker-buildx"; do
    case $program in */cosign | */docker-buildx) "$program" version ;; *) "$program" --version ;; esac
  done
  "$BIN/notation" version
}

# --- Python and Go ---

find_python() {
  local found
  for found in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.13*/bin/python3.13 "$(command -v python3.13 || true)"; do
    if [ -x "$found" ] && "$found" -c 'import sys, ensurepip; assert sys.version_info[:2] == (3, 13)' 2>/dev/null; then
      ln -sf "$("$found" -c 'import os, sys; print(os.path.realpath(sys.executable))')" "$TOOLS/python3.13"
      return
    fi
  done
  fail "Python 3.13 is missing: put a python3.13 on PATH"
}

go_is_new_enough() {
  local version
  version=$(go env GOVERSION 2>/dev/null) || return 1
  [ "$(printf '%s\n' "$GO_MINIMUM" "${version#go}" | sort -V | head -n 1)" = "$GO_MINIMUM" ]
}

# The newest Go of the newer suite, for a machine that has none or an old one.
install_go() {
  local package
  package=$(apt_newer apt-cache depends golang-go | sed -nE 's/.*Depends: (golang-1\.[0-9]+)-go$/\1/p')
  unpack "$TOOLS/newer-go" "$package-go" "$package-src"
  ln -sfn "$TOOLS/newer-go/usr/lib/${package/golang/go}" "$TOOLS/go"
  go version
}

# go_install PROGRAM MODULE
go_install() {
  GOBIN=$TOOLS/built/$1 nice go install -ldflags='-s -w' "$2"
  ln -sf "$TOOLS/built/$1"/* "$BIN/$1"
}

# The one suite that is published as a test package: compiled from a module that pins it, sums and all.
build_ginkgo_suite() {
  cd "$HERE/ginkgo"
  nice go test -c -o "$BIN/conformance-1.1.test" github.com/opencontainers/distribution-spec/conformance
}

# Python tools with pins of their own: python_tool NAME REQUIREMENT...
python_tool() {
  local folder=$TOOLS/$1
  shift
  "$TOOLS/python3.13" -m venv --clear "$folder"
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
}

# The machine's own Debian mirror.
mirror() {
  case $(cat "$TOOLS/apt/format") in
    sources) sed -nE 's/^URIs: *([^ ]+).*/\1/p' "$TOOLS/apt/newer.sources" ;;
    list) sed -nE 's/^deb +(\[[^]]*\] +)?([^ ]+) .*/\2/p' "$TOOLS/apt/newer.list" ;;
  esac
}

# A root file system with the functions' Python: what the containers of the acceptance tests are made from.
make_python_root() {
  local root
  root=$(mktemp -d "$TOOLS/images/root.XXXX")
  debootstrap --variant=minbase --include=python3,python3-venv,python3-pip,ca-certificates \
    "$PYTHON_SUITE" "$root" "$(mirror)"
  chroot "$root" python3 -c 'import sys; assert sys.version_info[:2] == (3, 13), sys.version'
  rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale} "$root"/dev/*
  tar --one-file-system -C "$root" -cf "$TOOLS/images/python3.13-root.tar.part" .
  mv "$TOOLS/images/python3.13-root.tar.part" "$TOOLS/images/python3.13-root.tar"
  rm -rf "$root"
}

# What stands in for the base image of Lambda's Python, for engines that cannot pull it: the same root, and the runtime's
# own client at the place where `sam local` starts it.
make_lambda_image() {
  local stage image=$TOOLS/images/lambda-python3.13.tar
  stage=$(mktemp -d "$TOOLS/images/lambda.XXXX")
  mkdir -p "$stage"/var/{runtime,task}
  "$TOOLS/python3.13" -m pip install --quiet --disable-pip-version-check --target "$stage/var/runtime" awslambdaric==4.2.2
  cat >"$stage/var/runtime/bootstrap" <<'BOOTSTRAP'
#!/bin/sh
cd /var/task
export PYTHONPATH=/var/task:/opt/python:/var/runtime
# To the container's standard error: beside them SAM overlooks the emulator's own last line, and waits for it a second.
exec python3 -m awslambdaric "$_HANDLER" >/proc/1/fd/2 2>&1
BOOTSTRAP
  chmod 755 "$stage" "$stage/var/runtime/bootstrap"
  cp "$TOOLS/images/python3.13-root.tar" "$image.part"
  tar -C "$stage" -rf "$image.part" ./var/runtime ./var/task
  mv "$image.part" "$image"
  rm -rf "$stage"
}

# The SDKs of the cloud plane: their libraries alone, the programs of tests/acceptance/sdk use them from there.
install_typescript_sdk() {
  local folder=$TOOLS/sdk/typescript
  mkdir -p "$folder"
  cp "$HERE/sdk/typescript/package.json" "$folder"
  cd "$folder"
  npm install --silent --no-audit --no-fund --no-package-lock --ignore-scripts --cache "$TOOLS/npm"
}

install_java_sdk() {
  cd "$HERE/sdk/java"
  mvn --batch-mode --quiet -Dmaven.repo.local="$TOOLS/m2" -DoutputDirectory="$TOOLS/sdk/java" \
    org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies
}

build_go_sdk() {
  cd "$HERE/sdk/go"
  nice go build -ldflags='-s -w' -o "$TOOLS/built/sdk" .
}

build_hello() {
  cd "$HERE/hello"
  CGO_ENABLED=0 nice go build -ldflags='-s -w' -o "$BIN/hello" .
}

debian_lane() {
  # Asked each time: the machine may be another than the one that made .tools/.
  rm -f "$STAMPS/machine-packages"
  step 600 machine-packages install_machine_packages
  step 300 newer-packages unpack_newer_packages
  step 300 ministack-1.5.33 python_tool ministack ministack==1.5.33 cryptography==50.0.2
  step 600 sam-1.170.0 python_tool sam aws-sam-cli==1.170.0
  step 600 oci-cli-3.95.1 python_tool oci oci-cli==3.95.1 oci==2.189.0
  step 300 sdk-typescript-2.139.1 install_typescript_sdk
  step 600 sdk-java-3.47.0 install_java_sdk
  step 600 python-root make_python_root
  step 120 lambda-image make_lambda_image
}

go_lane() {
  step 900 crane-0.22.1 go_install crane github.com/google/go-containerregistry/cmd/crane@v0.22.1
  step 900 oras-1.3.6 go_install oras oras.land/oras/cmd/oras@v1.3.6
  step 900 regctl-0.11.7 go_install regctl github.com/regclient/regclient/cmd/regctl@v0.11.7
  step 900 versitygw-1.8.0 go_install versitygw github.com/versity/versitygw/cmd/versitygw@v1.8.0
  step 900 helm-3.22.0 go_install helm3 helm.sh/helm/v3/cmd/helm@v3.22.0
  step 900 helm-4.3.1 go_install helm4 helm.sh/helm/v4/cmd/helm@v4.3.1
  step 600 conformance-main go_install conformance \
    github.com/opencontainers/distribution-spec/conformance@v0.0.0-20260831232431-97274622c111
  step 600 conformance-1.1 build_ginkgo_suite
  step 300 hello build_hello
  step 600 sdk-go-65.129.0 build_go_sdk
}

install_everything() {
  mkdir -p "$BIN" "$STAMPS" "$TOOLS/images"
  step 120 python-3.13 find_python
  step 300 newer-suite update_newer
  go_is_new_enough || step 300 go install_go
  # One lane waits for the network, the other for the processor.
  debian_lane &
  local lane=$!
  trap wait EXIT
  go_lane
  wait "$lane" || fail "the Debian packages are not complete"
  echo "all tools are in place after $SECONDS s"
}

if [ $# -gt 0 ]; then "$@"; else install_everything; fi
