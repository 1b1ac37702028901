/** What an SFU reads of VP9: the payload descriptors of RFC 9628 section 4.2, in non-flexible mode. */
export interface Vp9Packet {
  /** The packet begins, and ends, a spatial layer of its picture. */
  readonly start: boolean;
  readonly end: boolean;
  /** 15 bits. */
  readonly pictureId: number;
  readonly tl0PictureIndex: number;
  readonly spatialLayer: number;
  readonly temporalLayer: number;
  /** Of a key picture: predicted from no other picture, its upper layers from the ones below (L3T1_KEY). */
  readonly key: boolean;
  /** Sizes in pixels of all layers, lowest first: said where a key picture begins. */
  readonly sizes?: readonly (readonly [width: number, height: number])[];
  /** With them: how many temporal layers follow one another in the usual pattern. */
  readonly temporalLayers?: 1 | 3;
}

/** Of a descriptor without sizes. */
export const VP9_DESCRIPTOR_BYTES = 5;

const I = 0x80;
const P = 0x40;
const L = 0x20;
const B = 0x08;
const E = 0x04;
const V = 0x02;
/** Not a reference for upper layers. */
const Z = 0x01;

/** The pictures of a group, which repeats: temporal layer, and how far back the one picture is that each refers to. */
const GROUP = [
  [0, 4],
  [2, 1],
  [1, 2],
  [2, 1],
] as const;

export function vp9Descriptor(packet: Vp9Packet): Buffer {
  const { start, end, pictureId, tl0PictureIndex, spatialLayer, temporalLayer, key, sizes } = packet;
  const flags = I | L | (key ? 0 : P | Z) | (start ? B : 0) | (end ? E : 0) | (sizes === undefined ? 0 : V);
  const dependsOnLower = key && spatialLayer > 0 ? 1 : 0;
  const bytes = [
    flags,
    0x80 | (pictureId >> 8),
    pictureId & 0xff,
    // Each picture of an upper temporal layer is one from which that layer may be taken up.
    (temporalLayer << 5) | (temporalLayer > 0 ? 0x10 : 0) | (spatialLayer << 1) | dependsOnLower,
    tl0PictureIndex,
  ];
  if (sizes !== undefined) {
    // The scalability structure: how many layers, with their sizes, and the group of pictures where there is one.
    const group = packet.temporalLayers === 3 ? GROUP : [];
    bytes.push(((sizes.length - 1) << 5) | 0x10 | (group.length > 0 ? 0x08 : 0));
    for (const [width, height] of sizes) bytes.push(width >> 8, width & 0xff, height >> 8, height & 0xff);
    if (group.length > 0) bytes.push(group.length);
    for (const [layer, back] of group) bytes.push((layer << 5) | 0x10 | (1 << 2), back);
  }
  return Buffer.from(bytes);
}

/** Writes a picture's numbers over those of a descriptor. */
export function numberVp9(payload: Buffer, pictureId: number, tl0PictureIndex: number): void {
  payload.writeUInt16BE(0x8000 | pictureId, 1);
  payload[4] = tl0PictureIndex;
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
