package receivers

import (
	"testing"
	"time"

	"postward/internal/lists/reply"
)

// FuzzLoad: whatever was saved, the board stays within its bounds and takes the next replies, good and bad, of any time.
func FuzzLoad(f *testing.F) {
	set, err := reply.Load("")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(`{"rows":[{"receiver":"gmail","title":"Gmail","state":"refusing","since":"2026-03-01T09:00:00Z","days":[{"date":"2026-03-01","accepted":1}],"was":"throttling","began":"2026-03-01T09:00:00Z"}],"unknown":[{"receiver":"x","example":"550 no","count":2},null]}`, int64(0))
	f.Add(`{"rows":[{"receiver":"gmail","state":"nonsense","days":[{"date":"~"},{"date":""}]}]}`, int64(1<<40))
	f.Fuzz(func(t *testing.T, text string, after int64) {
		var b Board
		if b.Load(text) != nil {
			return
		}
		for _, said := range []string{verySpam, taken, tooFast, nobody, taken} {
			p := reply.Parse([]byte("host "+gmailHost+"[192.0.2.9] said: "+said+" (in reply to end of DATA command)"), gmailHost)
			b.Take(&Told{At: begin.Add(time.Duration(after)), Parsed: p, Meaning: set.Read(p), Account: "anna", Domain: "club.example"})
		}
		rows := b.Rows()
		for i := range rows {
			rows[i].Advice()
		}
		if len(rows) > maxReceivers || len(b.Unknown()) > maxUnknown {
			t.Errorf("%d receivers, %d unknown replies", len(rows), len(b.Unknown()))
		}
	})
}
