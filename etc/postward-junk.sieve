# Files mail that postward marked into the junk folder. The name in it is authentication.id of postward.toml, or Postfix's
# myhostname: what strangers write under that name postward takes away.
#
#   Pigeonhole, for everybody:   sieve_before = /etc/dovecot/sieve-before.d     (2.4: sieve_script before { … })
#   then                         sievec /etc/dovecot/sieve-before.d/postward-junk.sieve
require ["fileinto", "mailbox"];

if header :matches "Authentication-Results" "mail.example.org;*policy.dmarc=quarantine*" {
    fileinto :create "Junk";
    stop;
}
