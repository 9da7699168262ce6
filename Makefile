# make run, make test: what README.md promises. Everything else is for those who work on postward.
SHELL := /bin/bash
GO    ?= go
export CGO_ENABLED = 0

.PHONY: build test unit lint clean

build:
	$(GO) build ./...

unit:
	$(GO) vet ./...
	$(GO) test -short ./...

test:
	$(GO) vet ./...
	@test -z "$$(gofmt -l .)" || { echo "gofmt would change:"; gofmt -l .; exit 1; }
	$(GO) test ./...
