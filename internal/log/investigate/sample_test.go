package investigate

import (
	"strings"
	"testing"
	"time"

	"postward/internal/log/delivery"
)

func TestKeysOfASampleHoweverDeep(t *testing.T) {
	const sample = "From: abuse@far.example\r\nMessage-ID: <complaint@far.example>\r\nReceived: by x (Exim) id 1abc-000xyz\r\n\r\n" +
		"> Received: from [203.0.113.80] by mail.example.org (Postfix)\r\n>\twith ESMTPSA id 4A1B2C3D4E\r\n> \tfor <v@far.example>\r\n" +
		"> Message-Id:\r\n>  <spam@client>\r\n> Subject: id A1B2C3\r\n"
	keys, err := Keys(strings.NewReader(sample))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(keys, " "); got != "complaint@far.example 4A1B2C3D4E spam@client" {
		t.Error(got)
	}
}

func TestBrothersAreOfOneAccountAndDay(t *testing.T) {
	mail := func(account string, after time.Duration) *delivery.Mail {
		return &delivery.Mail{IDs: []string{"4A"}, Account: account, Arrived: monday.Add(after), Deliveries: make([]delivery.Delivery, 2)}
	}
	b := NewBrothers(mail("alarm", 0))
	for _, m := range []*delivery.Mail{mail("alarm", 0), mail("alarm", time.Hour), mail("alarm", -23*time.Hour), mail("alarm", 25*time.Hour), mail("anna", 0), mail("", 0)} {
		b.Note(m)
	}
	if b.Mails != 3 || b.Recipients != 6 || !b.First.Equal(monday.Add(-23*time.Hour)) || !b.Last.Equal(monday.Add(time.Hour)) {
		t.Errorf("%+v", b)
	}
}

func FuzzKeys(f *testing.F) {
	f.Add("Message-ID: <a@b>\nReceived: x id 4A1B2C3D4E\n")
	f.Fuzz(func(t *testing.T, sample string) {
		keys, _ := Keys(strings.NewReader(sample)) // an error is as good
		if len(keys) > maxKeys {
			t.Errorf("%d keys", len(keys))
		}
	})
}
