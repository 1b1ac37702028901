/** Writes DER (X.690): as much of it as certificates need. */

/** One value of the given tag. */
export function der(tag: number, content: Uint8Array): Buffer {
  const { length } = content;
  const head =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  if (length > 0xffff) throw new RangeError('DER: longer than a certificate is');
  return Buffer.concat([Buffer.from([tag, ...head]), content]);
}

export function sequence(...parts: Uint8Array[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}

/** An object identifier in dotted form. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second, ...rest].flatMap((arc) => {
    const groups = [arc & 0x7f];
    for (let left = arc >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80);
    return groups;
  });
  return der(0x06, Buffer.from(bytes));
}

/** An unsigned integer, big-endian, as short as can be; a first bit of 1 would be a sign (section 8.3.2). */
export function integer(value: Uint8Array): Buffer {
  let start = 0;
  while (start < value.length - 1 && value[start] === 0) start++;
  const bytes = value.subarray(start);
  return der(0x02, (bytes[0] ?? 0) < 0x80 ? bytes : Buffer.concat([Buffer.from([0]), bytes]));
}

export function bits(value: Uint8Array, unused = 0): Buffer {
  return der(0x03, Buffer.concat([Buffer.from([unused]), value]));
}

export function octets(value: Uint8Array): Buffer {
  return der(0x04, value);
}

export function utf8(text: string): Buffer {
  return der(0x0c, Buffer.from(text));
}

/** Milliseconds since the epoch, to the second: UTCTime before 2050, GeneralizedTime after (RFC 5280 section 4.1.2.5). */
export function time(at: number): Buffer {
  const text = `${new Date(at).toISOString().slice(0, 19).replaceAll(/[-:T]/g, '')}Z`;
  return new Date(at).getUTCFullYear() < 2050
    ? der(0x17, Buffer.from(text.slice(2)))
    : der(0x18, Buffer.from(text));
}

/** The bytes as a PEM block (RFC 7468). */
export function pem(label: string, bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
