# make run, make test: what README.md promises. Everything else is for those who work on postward.
SHELL := /bin/bash
GO    ?= go
export CGO_ENABLED = 0

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
# Packages whose tests start real daemons. One after the other: they share two cores.
DAEMONS := ./internal/auth/keys ./internal/auth/publish ./internal/host/attach ./internal/host/authpolicy ./internal/host/doveadm ./internal/host/learn ./internal/host/nft ./internal/host/postfix ./internal/host/warden ./internal/mail/milter ./internal/lists/dnsbl ./internal/log/follow ./bench/guess ./test/...

.PHONY: build run test unit lint story prove counts full village flood model staticcheck other-debian race fuzz soak versions bench-mail bench-auth bench-log bench-idle bench-check bench-detect bench-thief bench-guess bench-ban bench-reply

build: build/postward

build/postward: $(shell find cmd internal -name '*.go' -o -name '*.sql' -o -name '*.bin' -o -name '*.html' -o -name '*.[0-9]') go.mod
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $@ ./cmd/postward

build/story: build/postward $(shell find test -name '*.go')
	$(GO) build -o $@ ./test/story

# The story, on a private Postfix with postward attached; it stays open until Ctrl-C, or a signal that ends make.
run:
	@test/setup.sh run
	@$(MAKE) --no-print-directory build/story
	@exec build/story -stay -postward build/postward

test: lint
	test/setup.sh test
	$(GO) test ./...
	CI=true $(GO) test -tags daemons -p 1 -timeout 70m $(DAEMONS)
	@$(MAKE) --no-print-directory story

# Unprivileged, offline, under a minute.
unit: lint
	$(GO) test -short ./...

lint:
	$(GO) vet ./... && $(GO) vet -tags daemons ./...
	@test -z "$$(gofmt -l .)" || { echo "gofmt would change:"; gofmt -l .; exit 1; }

story:
	@test/setup.sh run
	@$(MAKE) --no-print-directory build/story
	@build/story -postward build/postward

# The full counts: every test with more of everything, the race detector, the other Debian, and on what is left of the
# machine every fuzz target for a minute. About three hours on two cores.
prove: lint
	test/setup.sh prove
	@$(MAKE) --no-print-directory -j2 counts fuzz

# Each part, whatever became of those before it.
COUNTS := race full flood story model staticcheck other-debian soak
counts: build/postward
	@for part in $(COUNTS); do $(MAKE) --no-print-directory $$part || failed+=" $$part"; done; \
		[ -z "$$failed" ] || { echo "prove: failed:$$failed"; exit 1; }

full:
	CI=true PROVE=1 $(GO) test -count=1 -tags daemons -p 1 -timeout 90m $(DAEMONS)

# The village alone, which is a part of full and, with a tenth of its day, of test: its last line says what became of each mail.
village:
	@CI=true PROVE=1 $(GO) test -count=1 -tags daemons -timeout 40m -run 'TestVillage$$' -v ./test/spine

flood:
	PROVE=1 $(GO) test -count=1 -timeout 60m -run Flood ./internal/run/gate

model:
	docs/model/check.sh

staticcheck:
	$(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2 -tags daemons ./...

# make test once more, in a tree of the other Debian release. The tree is made once, and kept.
other-debian:
	test/setup.sh prove
	test/otherdebian.sh make test

# What each Debian release's Postfix and Dovecot write to their logs, recorded anew for internal/log/maillog. Its trees are made once, and kept;
# RELEASES="trixie sid" records these alone.
versions:
	test/setup.sh prove
	OUT=internal/log/maillog/testdata/versions test/versions/record.sh $(RELEASES)
	UPDATE_WANT=1 $(GO) test -count=1 -run TestTheTableOfVersionsIsTrue ./internal/log/maillog
	$(GO) test -count=1 ./internal/log/maillog

race:
	test/setup.sh prove
	CGO_ENABLED=1 $(GO) test -race -timeout 40m ./...

FUZZTIME ?= 60s
fuzz:
	@GO=$(GO) nice -n 19 test/fuzz.sh $(FUZZTIME)

# An office writes for 20 minutes at about half the speed that it could: the memory must be flat, every mail found once.
SOAK ?= 20m
soak:
	@$(GO) build -o build/bench-soak ./bench/soak && $(MAKE) --no-print-directory build/postward && build/bench-soak -for $(SOAK) -png build/soak.png -postward build/postward

# Bare Postfix, a milter that does nothing, and postward: throughput, CPU, memory, sizes.
bench-mail:
	@test/setup.sh test
	@$(GO) build -o build/bench-mail ./bench/mail && $(MAKE) --no-print-directory build/postward && build/bench-mail -postward build/postward

# Who wrote a mail, and signatures: postward beside opendkim + opendmarc + policyd-spf, rspamd, and a milter that does nothing (see bench/auth).
bench-auth:
	@test/setup.sh bench
	@$(GO) build -o build/bench-auth ./bench/auth && $(MAKE) --no-print-directory build/postward && build/bench-auth -postward build/postward

# A log into the journal; ten million lines read and counted, beside grep, sshguard and fail2ban.
bench-log:
	@test/setup.sh bench && $(GO) test -run '^$$' -bench CatchUp ./internal/run/daemon && $(GO) run ./bench/log

# What postward costs that has little to do: at rest, and at 50 lines a second, beside tail -F | grep.
bench-idle:
	@test/setup.sh bench && $(GO) build -o build/bench-log ./bench/log && $(MAKE) --no-print-directory build/postward && build/bench-log -idle 60s -postward build/postward

bench-check: # a domain on all lists; with DOMAINS=data.json many domains (see bench/check), beside python3-spf, and what mends of damaged records lose
	@test/setup.sh bench && $(GO) run ./bench/check -domains "$(DOMAINS)"
	@test -z "$(DOMAINS)" || $(GO) run ./bench/check -mends "$(DOMAINS)"

# The guard on a sending trace, or on several (see bench/detect for their form): the last line is then the worst of each figure.
bench-detect:
	@test -n "$(TRACE)" || { echo "say which trace: make bench-detect TRACE=dir, or TRACE=\"dir dir\""; exit 2; }; $(GO) run ./bench/detect -study -trace "$(TRACE)"

# A thief who has read the source: what a search over whole campaigns gets out, beside what he may (see bench/thief).
THIEFTIME ?= 60s
bench-thief:
	@$(GO) build -o build/bench-thief ./bench/thief && build/bench-thief -time $(THIEFTIME)

# Guessers and people who look like them in a log of a million lines, beside fail2ban and sshguard (see bench/guess).
bench-guess:
	@test/setup.sh bench && $(GO) build -o build/bench-guess ./bench/guess && build/bench-guess

# From a line of the log to the address in the kernel's set, beside fail2ban; ten thousand bans at once, a hundred thousand that stand.
bench-ban:
	@test/setup.sh bench && $(GO) build -o build/bench-ban ./bench/ban && $(MAKE) --no-print-directory build/postward && build/bench-ban -postward build/postward

# What a receiver's reply costs to be understood, over a hundred thousand.
bench-reply:
	@$(GO) build -o build/bench-reply ./bench/reply && build/bench-reply
