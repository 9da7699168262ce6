package notify

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nicholas-fedor/shoutrrr/pkg/router"
)

// Channels is where alerts go.
type Channels struct {
	URLs    []string // shoutrrr's: https://shoutrrr.nickfedor.com/services/overview/
	Command []string // an absolute path and arguments; gets the Alert as JSON on standard input
}

// Notifier sends alerts. Without any channel it sends nowhere.
type Notifier struct {
	channels []*channel
}

// Result is what became of an alert on one channel.
type Result struct {
	Number  int    // of the channel, from 0
	Channel string // its name, without secrets
	Err     error
}

// Took returns the numbers of the channels that took the alert.
func Took(results []Result) (numbers []int) {
	for _, r := range results {
		if r.Err == nil {
			numbers = append(numbers, r.Number)
		}
	}
	return numbers
}

// deadline is the longest a channel may take.
const deadline = 10 * time.Second

// channel is one way to the owner.
type channel struct {
	name string
	send func(context.Context, *Alert) error
	late atomic.Int32 // alerts that it did not answer in time and still has: it takes no other
}

// New checks the channels, without asking them anything, and returns every error at once.
func New(c Channels) (*Notifier, error) {
	n := &Notifier{}
	var wrong []error
	mails := 0
	for i, raw := range c.URLs {
		ch, scheme, err := service(raw)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("notify.urls: number %d: %w", i+1, err))
			continue
		}
		if scheme == "smtp" {
			mails++
		}
		n.channels = append(n.channels, ch)
	}
	if len(c.Command) > 0 {
		if !filepath.IsAbs(c.Command[0]) {
			wrong = append(wrong, fmt.Errorf("notify.command: %q is not an absolute path", c.Command[0]))
		} else {
			n.channels = append(n.channels, &channel{name: "command " + c.Command[0], send: command(c.Command)})
		}
	}
	if mails > 0 && mails == len(n.channels) && len(wrong) == 0 {
		wrong = append(wrong, errors.New("notify: alerts would go by mail alone, and the mail may be what is broken: add another way, like \"ntfy://ntfy.sh/a-name-nobody-guesses\""))
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, err
	}
	return n, nil
}

// service makes a channel of a shoutrrr URL.
func service(raw string) (ch *channel, scheme string, err error) {
	secrets := secretsOf(raw)
	var r router.ServiceRouter
	scheme, u, err := r.ExtractServiceName(raw)
	if err != nil {
		return nil, "", secrets.mask(fmt.Errorf("it is no URL like ntfy://ntfy.sh/topic: %w", err))
	}
	if _, err := r.NewService(scheme); err != nil || scheme == nowhere {
		return nil, "", fmt.Errorf("no service is called %q; there are %s", scheme, strings.Join(services(&r), ", "))
	}
	if scheme == "matrix" { // shoutrrr would log in to see whether it can
		if u.Host == "" || u.User == nil {
			return nil, "", errors.New("it is not like matrix://user:password@host/?rooms=!room:host")
		}
	} else if _, err := r.Locate(raw); err != nil {
		return nil, "", secrets.mask(err)
	}
	return &channel{name: nameOf(scheme, u), send: func(_ context.Context, a *Alert) error {
		s, err := r.Locate(raw)
		if err == nil {
			err = s.Send(a.message(), nil)
		}
		return secrets.mask(err)
	}}, scheme, nil
}

// nowhere is shoutrrr's service that writes to its own log: it would be taken for sent, and nobody would be told.
const nowhere = "logger"

// services returns the names of the services that tell somebody, sorted.
func services(r *router.ServiceRouter) []string {
	names := slices.DeleteFunc(r.ListServices(), func(name string) bool { return name == nowhere })
	slices.Sort(names)
	return names
}

// nameOf names a channel. For many services the host part of the URL is a token: it is shown only where it is a
// host.
func nameOf(scheme string, u *url.URL) string {
	if hosted[scheme] && u != nil && u.Host != "" {
		return scheme + "://" + u.Hostname()
	}
	return scheme
}

// hosted are the services whose URL names a host.
var hosted = map[string]bool{
	"generic": true, "gotify": true, "matrix": true, "mattermost": true, "ntfy": true, "rocketchat": true, "signal": true, "smtp": true, "zulip": true,
}

// Channels names the channels.
func (n *Notifier) Channels() []string {
	names := make([]string, len(n.channels))
	for i, c := range n.channels {
		names[i] = c.name
	}
	return names
}

// Send sends an alert at once on every channel but those whose numbers are in skip, and takes at most 10 s.
func (n *Notifier) Send(ctx context.Context, a Alert, skip ...int) []Result {
	a = clean(a)
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	var results []Result
	for i, c := range n.channels {
		if !slices.Contains(skip, i) {
			results = append(results, Result{Number: i, Channel: c.name})
		}
	}
	var wg sync.WaitGroup
	for i := range results {
		wg.Go(func() { results[i].Err = n.channels[results[i].Number].try(ctx, &a) })
	}
	wg.Wait()
	return results
}

// try sends on one channel. A library that does not know ctx goes on in the background when time is up; until it is
// back the channel takes nothing else.
func (c *channel) try(ctx context.Context, a *Alert) error {
	if c.late.Load() > 0 {
		return errors.New("the last alert is still on its way there")
	}
	done, late := make(chan error), make(chan struct{})
	go func() {
		err := c.send(ctx, a)
		select {
		case done <- err:
		case <-late:
			c.late.Add(-1)
		}
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		c.late.Add(1)
		close(late)
		return fmt.Errorf("no answer within %s", deadline)
	}
}
