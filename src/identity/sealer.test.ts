import { describe, expect, it } from 'vitest';
import type { NodeEntry, NodeRecord } from '../registry/port.ts';
import { plainSealer, signedSealer } from './sealer.ts';
import { testEnrolment, testIdentity, testTrust } from './testing/enrolled.ts';

const CLOUD = 'commercial';
const hkg = testEnrolment();
const sha = testEnrolment();
const trust = testTrust(CLOUD, { hkg, sha });
const node = (datacenter: string, id: string, cloud = CLOUD) => ({ cloud, datacenter, id });
const one = testIdentity(node('hkg', 'hkg-1'), hkg);
const two = testIdentity(node('hkg', 'hkg-2'), hkg);
const inSha = testIdentity(node('sha', 'sha-1'), sha);

const RECORD: NodeRecord = {
  id: 'hkg-1',
  datacenter: 'hkg',
  url: 'wss://hkg.example.net',
  link: '192.0.2.1:7000',
  epoch: 5,
  sequence: 3,
  calls: ['AAAAAAAAAAAAAAAAAAAAAA'],
  state: 'ready',
  load: 0.25,
  accepting: true,
  policy: 'sha256:00',
  version: '0.1.0',
};
const at = (record: NodeRecord, body: string): NodeEntry => ({ ...record, body });
const sealedBy = (identity: typeof one, record = RECORD) => signedSealer(identity, trust).seal(record);
const reader = () => signedSealer(inSha, trust);

describe('a signed record', () => {
  it('is opened by any node of the cloud, exactly as it was sealed', () => {
    expect(reader().open(at(RECORD, sealedBy(one)))).toEqual({ ok: true, record: RECORD });
  });

  it('is refused by any change to any part of it', () => {
    const body = sealedBy(one);
    const open = reader();
    let refused = 0;
    for (let i = 0; i < body.length; i += 3) {
      const other = body[i] === 'A' ? 'B' : 'A';
      const changed = body.slice(0, i) + other + body.slice(i + 1);
      const opened = open.open(at(RECORD, changed));
      // The last character of a base64url part may have bits that mean nothing.
      if (opened.ok) expect(opened.record).toEqual(RECORD);
      else refused++;
    }
    expect(refused).toBeGreaterThan(body.length / 3 - 4);
    expect(open.open(at(RECORD, body.slice(1)))).toEqual({ ok: false, reason: 'record_malformed' });
  });

  it.each([
    ['under another id', { ...RECORD, id: 'hkg-2' }, sealedBy(one)],
    ['under another datacenter', { ...RECORD, datacenter: 'sha' }, sealedBy(one)],
    ['saying that it is another node', RECORD, sealedBy(one, { ...RECORD, id: 'hkg-2' })],
    ['saying that it stands elsewhere', RECORD, sealedBy(one, { ...RECORD, datacenter: 'sha' })],
    ["by a neighbour's key", RECORD, sealedBy(two)],
    ["by another datacenter's node", RECORD, sealedBy(inSha)],
  ])('is refused %s', (_how, entry, body) => {
    expect(reader().open(at(entry, body))).toEqual({ ok: false, reason: 'record_misplaced' });
  });

  it('is refused where one has put a certificate before a record of another', () => {
    const [format, certificate] = sealedBy(one).split('.');
    const [, , record, signature] = sealedBy(two).split('.');
    const body = [format, certificate, record, signature].join('.');
    expect(reader().open(at(RECORD, body))).toEqual({ ok: false, reason: 'record_not_signed' });
  });

  it("is refused when hkg's node was certified by sha's key, by nobody, or for another cloud", () => {
    const by = (identity: typeof one) => reader().open(at(RECORD, sealedBy(identity)));
    expect(by(testIdentity(node('hkg', 'hkg-1'), sha))).toEqual({
      ok: false,
      reason: 'certificate_not_by_enrolment_key',
    });
    expect(by(testIdentity(node('hkg', 'hkg-1'), testEnrolment()))).toMatchObject({ ok: false });
    expect(by(testIdentity(node('hkg', 'hkg-1', 'government'), hkg))).toEqual({
      ok: false,
      reason: 'certificate_of_another_cloud',
    });
  });

  it('of another cloud is refused even if the same key was certified in both', () => {
    const there = { ...one, cloud: 'government' };
    const body = signedSealer(there, trust).seal(RECORD);
    expect(reader().open(at(RECORD, body))).toEqual({ ok: false, reason: 'record_not_signed' });
  });

  it('older than one that was seen is refused; the same one again is not', () => {
    const open = reader();
    const sealed = (epoch: number, sequence: number) => {
      const record = { ...RECORD, epoch, sequence };
      return at(record, sealedBy(one, record));
    };
    const old = sealed(5, 3);
    expect(open.open(old).ok).toBe(true);
    expect(open.open(sealed(5, 4)).ok).toBe(true);
    expect(open.open(sealed(5, 4)).ok).toBe(true);
    expect(open.open(old)).toEqual({ ok: false, reason: 'record_replayed' });
    expect(open.open(sealed(6, 0)).ok).toBe(true);
    expect(open.open(sealed(5, 99))).toEqual({ ok: false, reason: 'record_replayed' });
    // Another node's counts are its own.
    const other = { ...RECORD, id: 'hkg-2', epoch: 1, sequence: 0 };
    expect(open.open(at(other, sealedBy(two, other))).ok).toBe(true);
  });

  it('is judged by the enrolment keys of the moment, and until its certificate ends', () => {
    const enrolments = { hkg, sha };
    let now = Date.now();
    const open = signedSealer(
      inSha,
      testTrust(CLOUD, enrolments, () => now),
    );
    const entry = at(RECORD, sealedBy(one));
    expect(open.open(entry).ok).toBe(true);
    now += 2 * 86_400_000;
    expect(open.open(entry)).toEqual({ ok: false, reason: 'certificate_expired' });
    now -= 2 * 86_400_000;
    expect(open.open(entry).ok).toBe(true);
    enrolments.hkg = testEnrolment();
    expect(open.open(entry)).toEqual({ ok: false, reason: 'certificate_not_by_enrolment_key' });
  });

  it('is refused when it is nonsense, signed or not', () => {
    const nonsense = sealedBy(one, { ...RECORD, state: 'gone' as 'ready' });
    for (const body of ['', 'x', 'a.b.c.d', 'watershed-node-1...', JSON.stringify(RECORD), nonsense]) {
      expect(reader().open(at(RECORD, body)).ok).toBe(false);
    }
    expect(reader().open(at(RECORD, 'x'.repeat(10_000_000)))).toEqual({
      ok: false,
      reason: 'record_malformed',
    });
  });
});

describe('a plain record', () => {
  it('says what it says, where it says that it stands', () => {
    const sealer = plainSealer();
    const body = sealer.seal(RECORD);
    expect(sealer.open(at(RECORD, body))).toEqual({ ok: true, record: RECORD });
    expect(sealer.open({ ...at(RECORD, body), id: 'other' })).toEqual({
      ok: false,
      reason: 'record_misplaced',
    });
    expect(sealer.open(at(RECORD, '{}'))).toEqual({ ok: false, reason: 'record_malformed' });
  });
});
