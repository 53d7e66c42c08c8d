# Garboard's front door. `make help` lists what there is to do.

SWIFT ?= swift
PREFIX ?= /usr/local
DESTDIR ?=
# The Debian suite that `make image` and `make reproduce` make.
SUITE ?= trixie
# The random images of `make fuzz`.
SEEDS ?= 1000-1999
# More options of garboard-build, for `make images` and `make output/NAME.oci.tar`.
BUILD_OPTIONS ?=
# How often `make kill` ends a bootstrap.
KILLS ?= 50

# Debian packages, by what needs them; `make deps` installs those that are missing.
# docs/dependencies.md gives the reason for each.
BUILD_PACKAGES := g++ git pkgconf zlib1g-dev libarchive-dev libzstd-dev liblzma-dev libbz2-dev \
	libdeflate-dev libisal-dev libssl-dev libcurl4-openssl-dev libyaml-dev
RUN_PACKAGES := ca-certificates mmdebstrap debootstrap apt dpkg gpgv debian-archive-keyring uidmap \
	arch-test tini busybox-static
TEST_PACKAGES := podman crun fuse-overlayfs buildah skopeo umoci docker-registry \
	libarchive-tools tar pigz gzip zstd xz-utils bzip2 acl attr libcap2-bin strace time dpkg-dev \
	python3 python3-apt python3-jsonschema python3-yaml golang-github-opencontainers-image-spec-dev \
	curl openssl tzdata qemu-user-static binutils libc-bin musl-tools

TOOLS := $(notdir $(wildcard Sources/garboard*))
RELEASE := .build/release
# The Swift runtime goes into the executables, and their symbols go away.
RELEASE_FLAGS := -c release --static-swift-stdlib -Xlinker -s
MAKEFLAGS += --no-builtin-rules --no-print-directory

.DEFAULT_GOAL := all
.PHONY: all deps deps-build deps-run test fuzz kill lint bench reproduce equality install image images self-image clean help

all: deps-build ## Build the release executables in .build/release (the default)
	$(SWIFT) build $(RELEASE_FLAGS)

deps: ## Install the Debian packages that building, running and testing need, and check Swift
	@.ci/swift-version $(SWIFT)
	@.ci/packages $(BUILD_PACKAGES) $(RUN_PACKAGES) $(TEST_PACKAGES)

deps-build:
	@.ci/swift-version $(SWIFT)
	@.ci/packages $(BUILD_PACKAGES)

deps-run:
	@.ci/packages $(RUN_PACKAGES)

test: deps ## Build and run all tests (as root, so that the tests that need it can run)
	$(SWIFT) test

fuzz: deps ## Squash SEEDS=FIRST-LAST random images in every way, and compare with overlayfs, umoci and podman
	GARBOARD_FUZZ_SEEDS=$(SEEDS) $(SWIFT) test --filter SquashAgainstOverlayfs --filter SquashDamage

kill: deps ## End KILLS base systems at random moments, and look for what is left
	GARBOARD_KILLS=$(KILLS) $(SWIFT) test --filter KilledBootstrap

lint: ## Check the formatting of all Swift sources
	$(SWIFT) format lint --strict --parallel --recursive Package.swift Sources Tests

bench: deps all ## Measure against the peers (docs/performance.md)
	Benchmarks/run

reproduce: all deps-run ## Make an image twice in different surroundings and compare every byte
	.ci/reproduce $(RELEASE) $(SUITE)

equality: all deps-run ## Compare the native engine with mmdebstrap, entry by entry (an hour)
	.ci/equality $(RELEASE)

image: all deps-run ## Make a Debian base image in output/ and print its size per layer
	$(RELEASE)/garboard-bootstrap -t debian:$(SUITE) $(SUITE) output/debian-$(SUITE).oci.tar

images: all deps-run ## Make the images of all recipes in recipes/ that are not up to date
	$(RELEASE)/garboard-build $(BUILD_OPTIONS) --all -o output

# One of them: make output/NAME.oci.tar
output/%.oci.tar: all deps-run FORCE
	$(RELEASE)/garboard-build $(BUILD_OPTIONS) -o output '$*'

FORCE:

self-image: all deps-run ## Put these tools with just their libraries into an image in output/
	$(RELEASE)/garboard-scratch --libraries --ca-certificates --tmp -t garboard:latest \
		-e PATH=/usr/bin --entrypoint /usr/bin/garboard --cmd '["help"]' \
		$(foreach tool,$(TOOLS),$(RELEASE)/$(tool):/usr/bin/$(tool)) -o output/garboard.oci.tar

install: all ## Install executables, completions and man pages below $(DESTDIR)$(PREFIX)
	$(SWIFT) build $(RELEASE_FLAGS) --product generate-manual
	.ci/install $(RELEASE) "$(DESTDIR)$(PREFIX)" $(TOOLS)

clean: ## Remove all build products, and the images in output/
	rm -rf .build .build-*
	find output -mindepth 1 ! -name .gitkeep -delete

help: ## List these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 14
