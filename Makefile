# The checks of a change, by name. What they do is in .ci/.

.PHONY: build test quick all nightly prose docs

build: ## the gateway and the benchmark, into this directory
	go build -trimpath -o . ./cmd/sluice ./cmd/sluice-bench

test: ## what needs Go alone; the rest says what it lacks
	go test ./...

quick: ## what a push is checked with
	.ci/quick

all: ## everything that a change must pass; installs what it needs
	.ci/run

nightly: ## what takes hours
	.ci/nightly

prose: ## sentences and phrases of Markdown, comments and OpenAPI
	.ci/prose

docs: ## the table of keys in docs/config.md
	go test ./cmd/internal/config -update
