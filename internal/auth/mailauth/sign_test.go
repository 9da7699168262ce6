package mailauth

import "testing"

// TestPostfixsOwnReceivedIsNoSign: wherever it stands, when a table or a policy service has put something above it; anybody else's is.
func TestPostfixsOwnReceivedIsNoSign(t *testing.T) {
	const id = "4dKfX20Zq8z1Wx"
	for _, one := range []struct {
		received string
		want     Disposition
	}{
		{"Received: from h (unknown [203.0.113.66])\r\n\tby mx.here.example (Postfix) with ESMTP id " + id + "\r\n\tfor <you@here.example>; Sun,  1 Nov 2026 12:00:00 +0000 (UTC)", Reject},
		{"Received: from by (id [203.0.113.66])\r\n\t(using TLSv1.3 with cipher X (256/256 bits)\r\n\t key-exchange X25519)\r\n\t(No client certificate requested)\r\n\tby MX.here.example. (Postfix) with ESMTPS id " + id + ";\r\n\tSun, 1 Nov 2026 12:00:00 +0000", Reject},
		{"received : by mx.here.example (Postfix) with SMTP id " + id + "; Sun", Reject},
		{"Received: by smtp.mx.here.example (Postfix) id " + id + "; Sun", Reject}, // authserv-id is the domain's
		{"Received: from h by mx.here.example (Postfix) with ESMTP id 4dKfX20Zq8z1Wy; Sun", Mark},
		{"Received: from h by mx.here.example (Postfix) with ESMTP id 4dKfX20Zq8z1W; Sun", Mark},
		{"Received: from h by mx.here.example (Postfix) with ESMTP id 4DKFX20ZQ8Z1WX; Sun", Mark},
		{"Received: from h by lists.list.example (Postfix) with ESMTP id " + id + "; Sun", Mark},
		{"Received: from h by mx.here.example (Postfix) with ESMTP; Sun", Mark},
		{"Received: id", Mark},
		{"X-Received: by mx.here.example (Postfix) id " + id, Reject}, // is no sign, whatever it says
		{"Resent-From: by mx.here.example id " + id, Mark},
	} {
		l := from(t, "author.example").by(stranger, "h", "-").top(one.received, "X-Greylist: delayed 301 seconds by postgrey")
		m := house(t).Begin(t.Context(), l.session)
		m.Header(l.header, false)
		m.Known(id)
		if r := m.End(now); r.Disposition != one.want {
			t.Errorf("%s: %s, want %s", one.received, r.told(), one.want)
		}
		if r := l.arrive(house(t)); len(r.Signs) == 0 && one.received[0] != 'X' {
			t.Errorf("%s: it is no sign though nobody knows the queue ID", one.received)
		}
	}
	c, l := house(t), from(t, "author.example").by(stranger, "h", "-").top("Received: by any (Postfix) id "+id+"; Sun")
	c.Service = nil
	m := c.Begin(t.Context(), l.session)
	m.Known(id)
	m.Header(l.header, false)
	if r := m.End(now); r.Disposition != Reject {
		t.Errorf("without an authserv-id: %s", r.told())
	}
}
