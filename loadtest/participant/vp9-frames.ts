/**
 * VP9 as an SFU sees it: payload descriptors of RFC 9628 section 4.2 (non-flexible mode) over bodies that are
 * filling. An SFU forwards, drops and switches layers by the descriptors alone; no decoder makes a picture of
 * this, so it is for participants that count, not for browsers.
 */
export interface Vp9Packet {
  /** The packet begins, and ends, a spatial layer of its picture. */
  readonly start: boolean;
  readonly end: boolean;
  /** 15 bits. */
  readonly pictureId: number;
  readonly tl0PictureIndex: number;
  readonly spatialLayer: number;
  /** Of a key picture: predicted from no other picture, its upper layers from the ones below (L3T1_KEY). */
  readonly key: boolean;
  /** Sizes in pixels of all layers, lowest first: said where a key picture begins. */
  readonly sizes?: readonly (readonly [width: number, height: number])[];
}

const I = 0x80;
const P = 0x40;
const L = 0x20;
const B = 0x08;
const E = 0x04;
const V = 0x02;
/** Not a reference for upper layers. */
const Z = 0x01;

export function vp9Descriptor(packet: Vp9Packet): Buffer {
  const { start, end, pictureId, tl0PictureIndex, spatialLayer, key, sizes } = packet;
  const flags = I | L | (key ? 0 : P | Z) | (start ? B : 0) | (end ? E : 0) | (sizes === undefined ? 0 : V);
  const dependsOnLower = key && spatialLayer > 0 ? 1 : 0;
  const bytes = [
    flags,
    0x80 | (pictureId >> 8),
    pictureId & 0xff,
    // One temporal layer: TID 0, no switching up point.
    (spatialLayer << 1) | dependsOnLower,
    tl0PictureIndex,
  ];
  if (sizes !== undefined) {
    // The scalability structure: how many layers, with their sizes, and no picture group.
    bytes.push(((sizes.length - 1) << 5) | 0x10);
    for (const [width, height] of sizes) bytes.push(width >> 8, width & 0xff, height >> 8, height & 0xff);
  }
  return Buffer.from(bytes);
}

/** What a receiver wants to know of a packet; undefined for what has no picture id or layers. */
export function readVp9(payload: Buffer): { spatialLayer: number; key: boolean } | undefined {
  const flags = payload[0] ?? 0;
  if ((flags & (I | L)) !== (I | L)) return undefined;
  const layers = payload[((payload[1] ?? 0) & 0x80) === 0 ? 2 : 3];
  if (layers === undefined) return undefined;
  const spatialLayer = (layers >> 1) & 0x07;
  return { spatialLayer, key: (flags & P) === 0 && (flags & B) !== 0 && spatialLayer === 0 };
}
