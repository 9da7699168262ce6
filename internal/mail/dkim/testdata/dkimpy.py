"""What dkimpy (Debian: python3-dkim) says of signatures, and signatures that it makes.

Reads a list of JSON objects, one a line, and writes one line of JSON for each:
  {"do": "version"} -> {"why": "1.1.4"}
  {"do": "verify", "mail": base64, "keys": {name: [text, ...]}, "fails": [name, ...]} -> {"says": ["pass", "fail"], "why": "..."}
  {"do": "sign", "mail": base64, "key": pem or base64 of a seed, "algorithm": a, "forms": "relaxed/simple", "domain": d, "selector": s}
    -> {"field": "DKIM-Signature: ..."}
"""
import base64, importlib.metadata, json, sys
import dkim


def asked(order):
    def txt(name, timeout=5):
        name = name.decode().rstrip('.').lower()
        if any(name == failing or name.endswith('.' + failing) for failing in order.get('fails') or []):
            raise dkim.DnsTimeoutError('timeout')
        texts = (order.get('keys') or {}).get(name, [])
        return texts[0].encode() if texts else None
    return txt


def verify(order, mail):
    says, why, n = [], '', 0
    count = sum(name.lower() == b'dkim-signature' for name, _ in dkim.rfc822_parse(mail)[0])
    for n in range(count):
        try:
            says.append('pass' if dkim.DKIM(mail).verify(idx=n, dnsfunc=asked(order)) else 'fail')
        except Exception as e:  # whatever it cannot read is no pass
            says.append('fail')
            why += '%s: %s ' % (type(e).__name__, e)
    return {'says': says, 'why': why}


def sign(order, mail):
    forms = tuple(form.encode() for form in order['forms'].split('/'))
    field = dkim.sign(mail, order['selector'].encode(), order['domain'].encode(), order['key'].encode(), canonicalize=forms,
                      signature_algorithm=order['algorithm'].encode())
    return {'field': field.decode()}


def version(order, mail):
    return {'why': importlib.metadata.version('dkimpy')}


for line in sys.stdin:
    order = json.loads(line)
    try:
        answer = {'verify': verify, 'sign': sign, 'version': version}[order['do']](order, base64.b64decode(order.get('mail', '')))
    except Exception as e:
        answer = {'says': [], 'why': '%s: %s' % (type(e).__name__, e)}
    print(json.dumps(answer))
