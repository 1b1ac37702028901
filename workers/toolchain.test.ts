import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { installedVersions } from './dpkg.ts';
import { aptCommand, findToolchain } from './toolchain.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'watershed-toolchain-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const headers = ['srtp2/srtp.h', 'uv.h', 'openssl/ssl.h', 'absl/base/config.h', 'flatbuffers/flatbuffers.h'];

function machine(dpkg: string): Parameters<typeof findToolchain>[0] & object {
  const bin = join(dir, 'bin');
  mkdirSync(bin);
  for (const name of ['g++-12', 'ninja', 'flatc']) {
    writeFileSync(join(bin, name), '');
    chmodSync(join(bin, name), 0o755);
  }
  symlinkSync('g++-12', join(bin, 'g++'));
  for (const header of headers) {
    mkdirSync(dirname(join(dir, 'include', header)), { recursive: true });
    writeFileSync(join(dir, 'include', header), '');
  }
  const dpkgStatus = join(dir, 'status');
  writeFileSync(dpkgStatus, dpkg);
  return { path: bin, include: [join(dir, 'include')], dpkgStatus };
}

function stanza(name: string, version: string, status = 'install ok installed'): string {
  return `Package: ${name}\nStatus: ${status}\nArchitecture: amd64\nVersion: ${version}\n\n`;
}

describe('the toolchain', () => {
  it("is known by its packages' versions, the compiler by its own package's", () => {
    const paths = machine(stanza('g++', '4:12') + stanza('g++-12', '12.2-1') + stanza('libssl-dev', '3.0-1'));
    const { missing, versions } = findToolchain(paths);
    expect(missing).toEqual([]);
    expect(versions).toContain('g++-12 12.2-1');
    expect(versions).toContain('libssl-dev 3.0-1');
    // No package: the file's own size and time stand for the version.
    expect(versions.find((v) => v.startsWith('libuv1-dev'))).toMatch(/uv\.h 0 \d+$/);
  });

  it('names the packages of what is missing', () => {
    const paths = machine('');
    rmSync(join(dir, 'bin', 'ninja'));
    rmSync(join(dir, 'include', 'uv.h'));
    const { missing } = findToolchain(paths);
    expect(missing).toEqual(['ninja-build', 'libuv1-dev']);
    expect(aptCommand(missing)).toBe(
      'sudo apt-get install -y --no-install-recommends ninja-build libuv1-dev',
    );
  });

  it('does without IPsec-MB, and takes it on the processors that it is for', () => {
    const paths = machine(stanza('libipsec-mb-dev', '1.3-2'));
    expect(findToolchain(paths)).toMatchObject({ missing: [], ipsecMbVersion: undefined });
    writeFileSync(join(dir, 'include', 'intel-ipsec-mb.h'), '');
    const { missing, ipsecMbVersion } = findToolchain(paths);
    expect(missing).toEqual([]);
    expect(ipsecMbVersion).toBe(process.arch === 'x64' ? '1.3-2' : undefined);
  });

  it('does not take a file that cannot be run for a tool', () => {
    const paths = machine('');
    chmodSync(join(dir, 'bin', 'flatc'), 0o644);
    expect(findToolchain(paths).missing).toEqual(['flatbuffers-compiler']);
  });
});

describe("dpkg's record", () => {
  it('counts only what is installed, under exactly that name', () => {
    const status = join(dir, 'status');
    writeFileSync(
      status,
      stanza('libuv1', '1') +
        stanza('uv', '2', 'deinstall ok config-files') +
        stanza('uv', '3') +
        stanza('x', '4'),
    );
    expect(installedVersions(['uv', 'x', 'libuv', 'none'], status)).toEqual(
      new Map([
        ['uv', '3'],
        ['x', '4'],
      ]),
    );
  });

  it('is empty where there is no dpkg', () => {
    expect(installedVersions(['uv'], join(dir, 'none')).size).toBe(0);
  });
});
