# Reads messages (base64, one a line) and writes what Python's email package makes of each, as JSON, one a line.
import base64, email, email.header, email.message, email.policy, email.utils, json, sys

def leaves(part):
    if part.is_multipart():
        for child in part.get_payload():
            yield from leaves(child)
    else:
        yield part

def text(value):
    out = ""
    for piece, charset in email.header.decode_header(value):
        if isinstance(piece, bytes):
            try:
                out += piece.decode(charset or "latin-1", "replace")
            except LookupError:
                out += piece.decode("latin-1")
        else:
            out += piece
    return out

for line in sys.stdin:
    octets = base64.b64decode(line)
    try:
        message = email.message_from_bytes(octets, policy=email.policy.compat32)
        parts = list(leaves(message))
        answer = {
            "types": [part.get_content_type() for part in parts],
            "bodies": [base64.b64encode(part.get_payload(decode=True) or b"").decode() for part in parts],
            "names": [part.get_filename() for part in parts],
            "subject": text(str(message.get("Subject", ""))),
            "from": [address for _, address in email.utils.getaddresses([str(message.get("From", ""))])],
        }
    except Exception as error:
        answer = {"error": repr(error)}
    print(json.dumps(answer), flush=True)
