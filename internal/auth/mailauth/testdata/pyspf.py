"""What python3-spf (Debian) says of senders in a made-up DNS, and what it would say if it read one sentence of RFC 7208 as we do.

Reads JSON objects, one a line, and writes a list of {"says": result, "why": text, "otherwise": {kind: result}} for each, one for a client:
  {"records": {"name. TYPE": [value, ...]}, "silent": [name., ...], "sender": mailbox, "helo": name, "clients": [address, ...]}
"""
import json, sys
import spf


def lookup(world):
    records, silent = world['records'], set(world['silent'] or [])

    def ask(name, kind, strict=True, timeout=None):
        name = name.rstrip('.').lower() + '.'
        if name + ' ' + kind not in records and name in silent:
            raise spf.TempError('DNS: it is silent')
        form = {'TXT': lambda v: (v.encode(),), 'MX': lambda v: (v['Preference'], v['Host'])}.get(kind, lambda v: v)
        return [((name[:-1], kind), form(v)) for v in records.get(name + ' ' + kind) or []]
    return ask


class Terms(spf.query):
    """Void look-ups are those of terms (section 4.6.4): the address of an exchanger, or of a client's name, is none."""
    within = False

    def dns(self, name, qtype, cnames=None, ignore_void=False):
        return super().dns(name, qtype, cnames, ignore_void or self.within)

    def dns_mx(self, name):
        return self.inside(super().dns_mx, name) if self.dns(name, 'MX') else []

    def validated_ptrs(self):
        return self.inside(super().validated_ptrs) if self.dns_ptr(self.i) else []

    def inside(self, ask, *name):
        self.within = True
        try:
            return ask(*name)
        finally:
            self.within = False


KINDS = {'void look-ups': Terms}

for line in sys.stdin:
    world = json.loads(line)
    spf.DNSLookup = lookup(world)
    said = []
    for client in world['clients']:
        says = {who: who(i=client, s=world['sender'], h=world['helo']).check() for who in (spf.query, *KINDS.values())}
        said.append({'says': says[spf.query][0], 'why': says[spf.query][2], 'otherwise': {kind: says[who][0] for kind, who in KINDS.items()}})
    print(json.dumps(said))
