import { MAX_CALLS } from '../port.ts';

/**
 * What a node takes from Redis at most. Whoever can write to it can make a join fail, and is not to take the memory of
 * every node that reads. Ours are far below.
 */

/** A node's record with its load, in bytes. */
export const MAX_BODY_BYTES = 16 * 1024;
export const MAX_NODE_ID = 128;
/** All calls to the nodes of a datacenter: each of 22 characters, and a space. */
export const MAX_CALLS_BYTES = MAX_CALLS * 23;
/** Nodes that host one room. */
export const MAX_ROOM_HOSTS = 256;
/** A room's record, in bytes: some 40 for each home of each node, and 10 for each region in evidence. */
export const MAX_ROOM_BYTES = 512 * 1024;
/** One node's part of it, or any other field: 400 regions of the longest names, each a home and in evidence. */
export const MAX_ROOM_FIELD_BYTES = 64 * 1024;
/** Below what a double counts exactly, with room to be raised. */
export const MAX_EPOCH = 9_007_199_254_740_000;
