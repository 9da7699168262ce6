# make run, make test: what README.md promises. Everything else is for those who work on postward.
SHELL := /bin/bash
GO    ?= go
export CGO_ENABLED = 0

.PHONY: build unit test bench-detect

build:
	$(GO) build ./...

unit:
	$(GO) vet ./...
	$(GO) test -short ./...

test:
	$(GO) vet ./...
	@test -z "$$(gofmt -l .)" || { echo "gofmt would change:"; gofmt -l .; exit 1; }
	$(GO) test ./...

# The guard on a sending trace: make bench-detect TRACE=dir (see bench/detect for the form).
bench-detect:
	@test -n "$(TRACE)" || { echo "say which trace: make bench-detect TRACE=dir"; exit 2; }
	@$(GO) run ./bench/detect -trace $(TRACE)
