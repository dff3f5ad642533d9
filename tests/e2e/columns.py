"""A decoder for up/telec, written from docs/protocol.md alone."""
import struct
import zlib


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def byte(self):
        self.at += 1
        return self.data[self.at - 1]

    def take(self, n):
        assert self.at + n <= len(self.data), "cut"
        self.at += n
        return self.data[self.at - n:self.at]

    def unsigned(self):
        n = shift = 0
        while True:
            b = self.byte()
            n |= (b & 127) << shift
            shift += 7
            if not b & 128:
                return n

    def string(self):
        return self.take(self.unsigned()).decode()


def wrap(n):
    """To a signed 64-bit number."""
    n &= (1 << 64) - 1
    return n - (1 << 64) if n >> 63 else n


class Differences:
    """Zigzag varints; a zero is followed by how many zeroes there are."""

    def __init__(self, reader):
        self.reader, self.zeroes, self.last = reader, 0, 0

    def next(self):
        if self.zeroes:
            self.zeroes -= 1
            return self.last
        n = self.reader.unsigned()
        if n:
            self.last = wrap(self.last + ((n >> 1) ^ -(n & 1)))
        else:
            self.zeroes = self.reader.unsigned() - 1
        return self.last


def times(reader, rows):
    out, d, t = [], Differences(reader), 0
    for i in range(rows):
        t = wrap(t + d.next())
        out.append(t)
        if i == 0:
            d.last = 0
    return out


def planes(reader, rows, width, code):
    raw = reader.take(rows * width)
    return [struct.unpack(code, bytes(raw[b * rows + i] for b in range(width)))[0]
            for i in range(rows)]


def column(reader, kind, rows):
    if kind == 3:
        return [reader.string() for _ in range(rows)]
    if kind in (1, 2):
        d = Differences(reader)
        numbers = [d.next() for _ in range(rows)]
        return [bool(n) for n in numbers] if kind == 2 else numbers
    decimals = reader.byte()
    if decimals == 10:
        return planes(reader, rows, 4, "<f")
    if decimals == 11:
        return planes(reader, rows, 8, "<d")
    d = Differences(reader)
    return [d.next() / 10 ** decimals for _ in range(rows)]


def decode_tables(data):
    r = Reader(data)
    points = []
    for _ in range(r.unsigned()):
        measurement = r.string()
        tags = {}
        for _ in range(r.unsigned()):
            key = r.string()
            tags[key] = r.string()
        fields = []
        for _ in range(r.unsigned()):
            name = r.string()
            fields.append((name, r.byte()))
        rows = r.unsigned()
        ts = times(r, rows)
        values = [column(r, kind, rows) for _, kind in fields]
        for i in range(rows):
            points.append((ts[i], measurement, tags,
                           {name: values[k][i] for k, (name, _) in enumerate(fields)}))
    assert r.at == len(data), "something follows"
    return points


def decode(payload):
    """(head, points) of one message."""
    r = Reader(payload)
    assert r.byte() == 1, "version"
    flags = r.byte()
    head = {"hist": bool(flags & 1), "buf": r.take(r.byte()).decode(), "seq": r.unsigned()}
    if flags & 2:
        head["offset"] = r.unsigned()
    if flags & 4:
        head["now"] = r.unsigned()
    return head, decode_tables(zlib.decompress(payload[r.at:]))
