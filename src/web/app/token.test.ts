import { describe, expect, it, vi } from 'vitest';
import { followLinks, shownClaims, takeToken } from './token.ts';

function fakeStorage(): Pick<Storage, 'getItem' | 'setItem'> & { values: Map<string, string> } {
  const values = new Map<string, string>();
  return {
    values,
    getItem: (key) => values.get(key) ?? null,
    setItem: (key, value) => void values.set(key, value),
  };
}

function jwt(claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'EdDSA' })}.${part(claims)}.c2ln`;
}

describe('takeToken', () => {
  it('takes the token out of the address, and keeps it for a reload of the tab', () => {
    const storage = fakeStorage();
    const addresses: string[] = [];
    const place = { hash: '#token=a.b.c', pathname: '/r/x', search: '?y' };
    expect(
      takeToken(
        place,
        (address) => addresses.push(address),
        () => storage,
      ),
    ).toBe('a.b.c');
    expect(addresses).toEqual(['/r/x?y']);
    const reloaded = takeToken(
      { ...place, hash: '' },
      (address) => addresses.push(address),
      () => storage,
    );
    expect(reloaded).toBe('a.b.c');
    expect(addresses).toHaveLength(1);
  });
  it('has none where none was given', () => {
    expect(takeToken({ hash: '', pathname: '/', search: '' }, () => {}, fakeStorage)).toBeNull();
  });
  it('works where storage is forbidden', () => {
    const forbidden = () => {
      throw new Error('SecurityError');
    };
    expect(takeToken({ hash: '#token=t', pathname: '/', search: '' }, () => {}, forbidden)).toBe('t');
  });
});

describe('followLinks', () => {
  it.each([
    ['#token=a.b.c', 1],
    ['#room=x&token=a.b.c', 1],
    ['#chat', 0],
    ['', 0],
  ])('%j begins the page anew %d times', (hash, times) => {
    const reload = vi.fn();
    const view = Object.assign(new EventTarget(), { location: { hash: '', reload } });
    followLinks(view);
    view.location.hash = hash;
    view.dispatchEvent(new Event('hashchange'));
    expect(reload).toHaveBeenCalledTimes(times);
  });
});

describe('shownClaims', () => {
  it('reads room and name', () => {
    expect(shownClaims(jwt({ room: 'stand-up', name: 'Ada', role: 'host', exp: 1 }))).toEqual({
      room: 'stand-up',
      name: 'Ada',
      role: 'host',
    });
  });
  it.each(['', 'nonsense', 'a.b.c', jwt({}), jwt({ room: '../x' })])('%j: nothing', (token) => {
    expect(shownClaims(token)).toBeUndefined();
  });
});
