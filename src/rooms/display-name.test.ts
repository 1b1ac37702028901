import { expect, test } from 'vitest';
import { displayNameOf } from './display-name.ts';

test.each([
  ['Ada', 'Ada'],
  ['  Ada Lovelace ', 'Ada Lovelace'],
  [undefined, 'Guest'],
  [' ', 'Guest'],
  ['Ada\u202Elive\n', 'Adalive'],
  // Not the host again, with something between that nobody sees.
  ['Ada\u200B', 'Ada'],
  ['\u200EA\u061Cd\u00ADa\u2060\uFEFF', 'Ada'],
  ['Ada\u{E0041}\u{E007F}', 'Ada'],
  ['Ada\u2028Bea\u2029', 'AdaBea'],
  ['Ada\uD83D', 'Ada'],
  ['\u3164', 'Guest'],
  ['\u115F\u1160\uFFA0', 'Guest'],
  ['\u2800\u2800', 'Guest'],
  ['\u200D\uFE0F \u0301', 'Guest'],
  // What people are called.
  ['دانیال می\u200Cخواهد', 'دانیال می\u200Cخواهد'],
  ['क\u094D\u200Dष', 'क\u094D\u200Dष'],
  ['👩\u200D💻 Ada ❤\uFE0F', '👩\u200D💻 Ada ❤\uFE0F'],
  ['נעמה', 'נעמה'],
  ['김 예나', '김 예나'],
  ['José', 'José'],
])('%j is told as %j', (name, told) => {
  expect(displayNameOf(name)).toBe(told);
});
