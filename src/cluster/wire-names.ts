import { z } from 'zod';

/** A region or a datacenter, in what nodes say to each other. */
export const nameSchema = z.string().min(1).max(64);

/** A word: clients' browsers are told of peers by session descriptions, in which a space or a line's end would begin another. */
export const idSchema = z
  .string()
  .max(64)
  .regex(/^[\x21-\x7e]+$/);
