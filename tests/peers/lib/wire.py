"""One HTTP/1.1 request over a socket, written byte by byte: headers may repeat, be no ASCII, or come as a trailer."""

import json
import socket


def send(address, path, headers, body, trailer=None):
    """Status and body (JSON or text). `headers`: (name, bytes) pairs; `trailer` is sent behind a chunked body."""
    host, port = address.rsplit(":", 1)
    head = [b"POST " + path.encode() + b" HTTP/1.1", b"Host: " + address.encode(), b"Connection: close"]
    if trailer is None:
        head.append(b"Content-Length: %d" % len(body))
        content = body
    else:
        head.append(b"Transfer-Encoding: chunked")
        head.append(b"Trailer: " + trailer[0].encode())
        content = b"%x\r\n%s\r\n0\r\n%s: %s\r\n\r\n" % (len(body), body, trailer[0].encode(), trailer[1])
    head += [name.encode() + b": " + value for name, value in headers]
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(b"\r\n".join(head) + b"\r\n\r\n" + content)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    status, _, rest = answer.partition(b"\r\n")
    headers, _, text = rest.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" in headers.lower():
        text = unchunked(text)
    try:
        return int(status.split()[1]), json.loads(text)
    except ValueError:
        return int(status.split()[1]), text.decode("utf-8", "replace")


def unchunked(text):
    out = b""
    while text:
        size, _, text = text.partition(b"\r\n")
        length = int(size, 16)
        out, text = out + text[:length], text[length + 2 :]
    return out
