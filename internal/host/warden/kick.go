package warden

import "context"

// actKick ends the sessions of an account in Dovecot, which only root may.
const actKick = "kick"

// Kick ends an account's sessions in Dovecot (IMAP, POP3, …; Postfix's go on), and reports whether there were any. Its name
// must be one that doveadm.ParseAccount takes.
func (c *Client) Kick(ctx context.Context, account string) (kicked bool, err error) {
	a, err := c.do(ctx, &request{Act: actKick, Account: account})
	if err != nil {
		return false, err
	}
	return a.Kicked, nil
}
