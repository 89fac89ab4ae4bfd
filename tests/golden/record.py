#!/usr/bin/env python3
"""Records what a reference server's COMMAND says about itself, one line per row and reply.

usage: record.py PORT >commands-7.2.txt

A line is `NAME info VALUE` or `NAME docs VALUE`; subcommands are rows of their own, named
`container|name`, and left out of their container's lines. VALUE is the RESP3 reply:
"bulk", 'status', integer, _ (null), [array], ~[set], {key: value}.
"""

import socket
import sys


class Server:
    def __init__(self, port):
        self.stream = socket.create_connection(("127.0.0.1", port)).makefile("rwb")
        self.call("HELLO", "3")

    def call(self, *args):
        self.stream.write(b"*%d\r\n" % len(args))
        for arg in args:
            self.stream.write(b"$%d\r\n%s\r\n" % (len(arg), arg.encode()))
        self.stream.flush()
        return self.read()

    def read(self):
        line = self.stream.readline()[:-2].decode()
        kind, rest = line[0], line[1:]
        if kind == "$":
            return self.stream.read(int(rest) + 2)[:-2].decode()
        if kind in "*~":
            return (kind, [self.read() for _ in range(int(rest))])
        if kind == "%":
            return (kind, [(self.read(), self.read()) for _ in range(int(rest))])
        return (kind, int(rest) if kind == ":" else rest)


def text(value):
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    kind, rest = value
    if kind == "%":
        return "{" + ", ".join(f"{text(key)}: {text(item)}" for key, item in rest) + "}"
    if kind in "*~":
        return ("~" if kind == "~" else "") + "[" + ", ".join(map(text, rest)) + "]"
    return {":": str(rest), "+": f"'{rest}'", "_": "_"}[kind]


def main():
    server = Server(int(sys.argv[1]))
    for name in sorted(server.call("COMMAND", "LIST")[1]):
        info = server.call("COMMAND", "INFO", name)[1][0]
        docs = server.call("COMMAND", "DOCS", name)[1][0][1]
        info = (info[0], info[1][:-1])
        docs = (docs[0], [pair for pair in docs[1] if pair[0] != "subcommands"])
        print(f"{name} info {text(info)}")
        print(f"{name} docs {text(docs)}")


main()
