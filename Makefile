# Each target is a line a person could type; `make help` lists them.
.DEFAULT_GOAL := help
TOOLS := bin/tools
export CGO_ENABLED ?= 0

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

build: ## build bin/guildhall
	go build -trimpath -ldflags "-s -w" -o bin/guildhall ./cmd/guildhall

check: lint ## the everyday loop: lint and the short tests, under two minutes
	go test -short ./...

test: lint ## everything: lint, all tests on both databases with the race detector, every fuzz target for a moment, the benchmark's smoke run
	CGO_ENABLED=1 go test -race -timeout 40m ./...
	./.ci/fuzz 5s
	go run ./bench --quick

lint: tools ## formatting, vet, staticcheck, generated code up to date
	@test -z "$$($(TOOLS)/gofumpt -l cmd internal bench migrations)" || { echo "run make format; these files are not formatted:"; $(TOOLS)/gofumpt -l cmd internal bench migrations; exit 1; }
	go vet ./...
	$(TOOLS)/staticcheck ./...
	$(TOOLS)/sqlc diff

format: tools ## format the code
	$(TOOLS)/gofumpt -w cmd internal bench migrations

generate: tools ## make the typed queries and the documents anew
	$(TOOLS)/sqlc generate
	go test ./internal/server -run TestGoldenDocuments -update

fuzz: ## fuzz every target for a minute each
	./.ci/fuzz 60s

bench: ## measure the server against bare handlers, about four minutes
	go run ./bench

tools: $(TOOLS)/.made

$(TOOLS)/.made: tools/go.mod tools/go.sum
	cd tools && GOBIN=$(CURDIR)/$(TOOLS) go install tool
	touch $@

dist: ## build for every platform into bin/dist
	for target in linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64; do \
		GOOS=$${target%/*} GOARCH=$${target#*/} go build -trimpath -ldflags "-s -w" -o bin/dist/guildhall-$${target%/*}-$${target#*/} ./cmd/guildhall || exit 1; \
	done

.PHONY: help build check test lint format generate fuzz bench tools dist
