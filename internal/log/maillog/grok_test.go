package maillog

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// grokFields says which field of ours is which of theirs.
var grokFields = map[string]func(*Line) string{
	"postfix_queueid":                   func(l *Line) string { return string(l.QueueID) },
	"postfix_bounce_recipient":          func(l *Line) string { return strings.Fields(string(l.Action))[0] },
	"postfix_bounce_reason":             func(l *Line) string { return strings.Fields(string(l.Action))[1] },
	"postfix_bounce_queueid":            func(l *Line) string { return string(l.OtherID) },
	"postfix_client_hostname":           func(l *Line) string { return string(l.Client.Name) },
	"postfix_client_ip":                 func(l *Line) string { return string(l.Client.Addr) },
	"postfix_client_port":               func(l *Line) string { return string(l.Client.Port) },
	"postfix_client_ip_unknown":         func(l *Line) string { return string(l.Client.Addr) },
	"postfix_relay_hostname":            func(l *Line) string { return string(l.Relay.Name) },
	"postfix_relay_ip":                  func(l *Line) string { return string(l.Relay.Addr) },
	"postfix_relay_service":             func(l *Line) string { return string(l.Relay.Addr) },
	"postfix_relay_port":                func(l *Line) string { return string(l.Relay.Port) },
	"postfix_from":                      func(l *Line) string { return string(l.From) },
	"postfix_smtp_stage":                func(l *Line) string { return string(l.Stage) },
	"postfix_proxy_smtp_stage":          func(l *Line) string { return string(l.Stage) },
	"postfix_smtp_lostconn_reason":      func(l *Line) string { return string(l.Stage) },
	"postfix_status_code":               func(l *Line) string { return string(l.Code) },
	"postfix_status_code_enhanced":      func(l *Line) string { return string(l.DSN) },
	"postfix_message_level":             func(l *Line) string { return levelOf(l) },
	"postfix_action":                    func(l *Line) string { return string(l.Action) },
	"postfix_postscreen_access":         func(l *Line) string { return string(l.Action) },
	"postfix_postscreen_dnsbl_rank":     func(l *Line) string { return strconv.FormatInt(l.Count, 10) },
	"postfix_anvil_conn_rate":           func(l *Line) string { return strconv.FormatInt(l.Count, 10) },
	"postfix_anvil_cache_size":          func(l *Line) string { return strconv.FormatInt(l.Count, 10) },
	"postfix_scache_hits":               func(l *Line) string { return strconv.FormatInt(l.Count, 10) },
	"postfix_scache_miss":               func(l *Line) string { return strconv.FormatInt(l.Against, 10) },
	"postfix_verify_cache_retained":     func(l *Line) string { return strconv.FormatInt(l.Count, 10) },
	"postfix_verify_cache_dropped":      func(l *Line) string { return strconv.FormatInt(l.Against, 10) },
	"postfix_postscreen_cache_retained": func(l *Line) string { return strconv.FormatInt(l.Count, 10) },
	"postfix_postscreen_cache_dropped":  func(l *Line) string { return strconv.FormatInt(l.Against, 10) },
	"postfix_postsuper_summary_count":   func(l *Line) string { return strconv.FormatInt(l.Count, 10) },
	"postfix_postsuper_summary_action":  func(l *Line) string { return string(l.Action) },
	"postfix_postscreen_violation_time": func(l *Line) string { return string(l.Delay) },
	"postfix_service":                   func(l *Line) string { return string(l.Local.Name) },
	"postfix_tls_trustlevel":            func(l *Line) string { return string(l.Action) },
	"postfix_tls_version":               func(l *Line) string { return string(l.Proto) },
	"postfix_tls_cipher":                func(l *Line) string { return string(l.Cipher) },
	"postfix_tls_error":                 func(l *Line) string { return string(l.Reply) },
	"postfix_status":                    func(l *Line) string { return statusWord(l) },
	"postfix_smtp_response":             func(l *Line) string { return string(l.Reply) },
	"postfix_error_response":            func(l *Line) string { return string(l.Reply) },
	"postfix_pipe_response":             func(l *Line) string { return string(l.Reply) },
	"postfix_proxy_message":             func(l *Line) string { return string(l.Reply) },
	"postfix_milter_data":               func(l *Line) string { return string(l.Rule) },
	"postfix_prepend_value":             func(l *Line) string { return string(l.Rule) },
	"postfix_prepend_type":              func(l *Line) string { return string(l.Stage) },
	"postfix_prepend_trigger":           func(l *Line) string { return string(l.Reply) },
	"postfix_message-id":                func(l *Line) string { return strings.Trim(string(l.MessageID), "<>") },
	"postfix_dnsbl_domain":              func(l *Line) string { return string(l.Relay.Name) },
	"postfix_dnsbl_result":              func(l *Line) string { return string(l.Reply) },
	"postfix_command_counter_data":      func(l *Line) string { return string(l.Commands) },
	"postfix_keyvalue_data":             keyValues,
	"postfix_postscreen_toobusy_data":   func(l *Line) string { return string(l.Reply) },
}

func levelOf(l *Line) string {
	switch l.Kind {
	case Warning, TableTrouble, QueueTrouble, MilterTrouble, AuthTrouble:
		return "warning"
	case Fatal:
		return "fatal"
	}
	return string(l.Action)
}

func statusWord(l *Line) string {
	if l.Kind == Expired {
		return "expired"
	}
	return l.Status.String()
}

// keyValues puts the fields together again as Postfix did; from which sentence decides what stands between them.
func keyValues(l *Line) string {
	var parts []string
	add := func(name string, value []byte, bracket bool) {
		if value == nil {
			return
		}
		v := string(value)
		if bracket {
			v = "<" + v + ">"
		}
		parts = append(parts, name+"="+v)
	}
	if l.Kind == PickedUp {
		parts = append(parts, "uid="+strconv.FormatInt(l.UID, 10))
	}
	if l.Kind == Client {
		parts = append(parts, "client="+peerText(l.Client))
	}
	add("from", l.From, true)
	add("to", l.To, true)
	add("orig_to", l.OrigTo, true)
	if l.Kind == Delivery {
		parts = append(parts, "relay="+peerText(l.Relay))
	}
	add("delay", l.Delay, false)
	add("delays", l.Delays, false)
	add("tls", l.TLS, false)
	if l.Kind == Delivery {
		add("dsn", l.DSN, false)
	}
	add("proto", l.Proto, false)
	add("helo", l.HELO, true)
	separator := " "
	if l.Kind == Delivery || strings.HasSuffix(string(l.Program), "postscreen") {
		separator = ", "
	}
	return strings.Join(parts, separator)
}

func peerText(p Peer) string {
	text := string(p.Name)
	if p.Addr != nil {
		text += "[" + string(p.Addr) + "]"
	}
	if p.Port != nil {
		text += ":" + string(p.Port)
	}
	return text
}

var grokResult = regexp.MustCompile(`(?m)^ +([\w-]+): (.*)$`)

// TestFieldsAreThoseOfTheGrokPatterns compares values with what another grammar's authors expect of the same lines.
func TestFieldsAreThoseOfTheGrokPatterns(t *testing.T) {
	paths, _ := filepath.Glob(filepath.Join(realData(t), "logs-postfix-grok/test/*.yaml"))
	compared, left := 0, map[string]int{}
	for _, path := range paths {
		line := grokLine(t, path)
		var l Line
		if line == "" || !Parse([]byte(line), &l) || !l.Kind.Understood() {
			continue
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range grokResult.FindAllStringSubmatch(string(b), -1) {
			want := strings.ReplaceAll(strings.Trim(m[2], `" `), `\"`, `"`)
			field := grokFields[m[1]]
			if field == nil {
				left[m[1]]++
				continue
			}
			if want == "NOQUEUE" {
				want = ""
			}
			compared++
			if got := field(&l); got != strings.TrimSuffix(want, ",") {
				t.Errorf("%s: %s is %q, want %q\n%s", filepath.Base(path), m[1], got, want, line)
			}
		}
	}
	t.Logf("%d values compared; without a field of ours: %v", compared, left)
	if compared < 150 {
		t.Errorf("only %d values compared", compared)
	}
}
