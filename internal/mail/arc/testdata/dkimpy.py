"""What dkimpy (Debian: python3-dkim) says of chains, and chains that it seals.

Reads a list of JSON objects, one a line, and writes one line of JSON for each:
  {"do": "version"} -> {"why": "1.1.4"}
  {"do": "verify", "mail": base64, "keys": {name: [text, ...]}, "fails": [name, ...]} -> {"cv": "pass", "why": "..."}
  {"do": "seal", "mail": base64, "key": pem, "domain": d, "selector": s, "id": authserv-id} -> {"set": [field, ...]}
"""
import base64, hashlib, importlib.metadata, json, sys
import dkim

# Its list for ARC has RSA alone; what it verifies DKIM with, and ARC too, knows Ed25519.
dkim.ARC_HASH_ALGORITHMS[b'ed25519-sha256'] = hashlib.sha256


def asked(order):
    def txt(name, timeout=5):
        name = name.decode().rstrip('.')
        if name in order.get('fails', []):
            raise dkim.DnsTimeoutError('timeout')
        texts = order.get('keys', {}).get(name, [])
        return texts[0].encode() if texts else None
    return txt


def verify(order, mail):
    cv, _, why = dkim.ARC(mail).verify(dnsfunc=asked(order))
    return {'cv': cv.decode() if cv else 'fail', 'why': str(why)}


def seal(order, mail):
    fields = dkim.ARC(mail).sign(order['selector'].encode(), order['domain'].encode(), order['key'].encode(),
                                 order['id'].encode(), timestamp=1767225700)
    return {'set': [f.decode() for f in fields]}


def version(order, mail):
    return {'why': importlib.metadata.version('dkimpy')}


for line in sys.stdin:
    order = json.loads(line)
    try:
        answer = {'verify': verify, 'seal': seal, 'version': version}[order['do']](order, base64.b64decode(order['mail']))
    except Exception as e:  # whatever it cannot read is no pass
        answer = {'cv': 'fail', 'why': '%s: %s' % (type(e).__name__, e)}
    print(json.dumps(answer))
