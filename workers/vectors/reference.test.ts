import { describe, expect, it } from 'vitest';
import { derive, gcm, gcmIv, keystream, label, protectRtcp, protectRtp } from './reference.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
const masterKey = hex('E1F97A0D3E018BE0D64FA32C06DE4139');
const masterSalt = hex('0EC675AD498AFEEBB6960B3AABE6');

describe('RFC 3711', () => {
  it('B.2: the key stream of AES in counter mode', () => {
    const stream = keystream(
      hex('2B7E151628AED2A6ABF7158809CF4F3C'),
      hex('F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000'),
      0xff02 * 16,
    );
    expect(stream.subarray(0, 48)).toEqual(
      hex(
        'E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB 41E95B3BB0A2E8DD477901E4FCA894C0',
      ),
    );
    expect(stream.subarray(0xfeff * 16)).toEqual(
      hex(
        'EC8CDF7398607CB0F2D21675EA9EA1E4 362B7C3C6773516318A077D7FC5073AE 6A2CC3787889374FBEB4C81B17BA6C44',
      ),
    );
  });

  it('B.3: session keys from a master key', () => {
    expect(derive(masterKey, masterSalt, label.rtpKey, 16)).toEqual(hex('C61E7A93744F39EE10734AFE3FF7A087'));
    expect(derive(masterKey, masterSalt, label.rtpSalt, 14)).toEqual(hex('30CBBC08863D8C85D49DB34A9AE1'));
    expect(derive(masterKey, masterSalt, label.rtpAuth, 94).subarray(0, 32)).toEqual(
      hex('CEBE321F6FF7716B6FD4AB49AF256A15 6D38BAA48F0A0ACF3C34E2359E6CDBCE'),
    );
  });

  it("agrees with libsrtp's own reference packets under those keys", () => {
    const rtp = hex(`800f1234decafbadcafebabe ${'ab'.repeat(16)}`);
    expect(protectRtp('AES_CM_128_HMAC_SHA1_80', masterKey, masterSalt, rtp)).toEqual(
      hex('800f1234decafbadcafebabe 4e55dc4ce79978d88ca4d215949d2402 b78d6acc99ea179b8dbb'),
    );
    const rtcp = hex(`81c8000bcafebabe ${'ab'.repeat(16)}`);
    expect(protectRtcp('AES_CM_128_HMAC_SHA1_80', masterKey, masterSalt, rtcp, 1)).toEqual(
      hex('81c8000bcafebabe 7128035be487b9bdbef89041f977a5a8 80000001 993e08cd54d6c1230798'),
    );
  });
});

describe('RFC 7714', () => {
  const key = Buffer.from(Array.from({ length: 32 }, (_, i) => i));
  const salt = hex('517569642070726f2071756f');

  it('16: SRTP', () => {
    const header = hex('8040f17b 8041f8d3 5501a0b2');
    const payload = Buffer.from('Gallia est omnis divisa in partes tres');
    const iv = gcmIv(salt, 0x5501a0b2, 0xf17b);
    expect(iv).toEqual(hex('51753c6580c2726f20718414'));
    expect(gcm(key.subarray(0, 16), iv, header, payload)).toEqual(
      hex(`f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833
           899d7f27beb16a9152cf765ee4390cce`),
    );
    expect(gcm(key, iv, header, payload)).toEqual(
      hex(`32b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b
           7aa3db36dfffd6b0f9bb7878d7a76c13`),
    );
  });

  it('17: SRTCP', () => {
    const header = hex('81c8000d 4d617273');
    const payload = hex(`4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 ${'deadbeef'.repeat(5)}`);
    const iv = gcmIv(salt, 0x4d617273, 0x5d4);
    expect(iv).toEqual(hex('517524055203726f207170bb'));
    const associated = Buffer.concat([header, hex('800005d4')]);
    expect(gcm(key.subarray(0, 16), iv, associated, payload)).toEqual(
      hex(`63e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b4686303ded0bb9275b
           c84aa45896cf4d2fc5abf87245d9eade`),
    );
    expect(gcm(key, iv, associated, payload)).toEqual(
      hex(`d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be8415f658c61de0476f1b6fad
           1d1eb30c4446839f57ff6f6cb26ac3be`),
    );
  });
});
