package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// Whoever is impatient, or hangs up, ends a verb in the middle. One that changes Postfix's configuration must not die there:
// half an attachment refuses mail, or lets it pass unseen.

// interrupts are the signals of somebody who does not want to wait. Who started it with nohup(1) does not mean the last.
func interrupts() []os.Signal {
	all := []os.Signal{syscall.SIGINT, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		all = append(all, syscall.SIGHUP)
	}
	return all
}

// interruptible returns a context that an interrupt ends: the verb puts back what it changed. Nobody needs to read what it
// says meanwhile.
func interruptible(ctx context.Context) (context.Context, func()) {
	heard := unheard()
	ctx, stop := signal.NotifyContext(ctx, interrupts()...)
	return ctx, func() { stop(); heard() }
}

// uninterrupted lets a verb that is short, and itself the way back, come to its end.
func uninterrupted() (stop func()) { return unheard(interrupts()...) }

// unheard catches signals, and that of a reader who is gone, and does nothing.
func unheard(signals ...os.Signal) (stop func()) {
	c := make(chan os.Signal, 1) // what finds no room is dropped
	signal.Notify(c, append(signals, syscall.SIGPIPE)...)
	return func() { signal.Stop(c) }
}
