/**
 * What cannot be seen, by which one name could be made to look like another or like none: controls, marks and
 * overrides of direction, line and paragraph separators, halves of characters, fillers, the blank Braille pattern.
 * Joiners and variation selectors stay: scripts and emoji are written with them.
 */
const INVISIBLE =
  /(?![\p{Join_Control}\p{Variation_Selector}])[\p{Default_Ignorable_Code_Point}\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u2800]/gu;

/** Of which a name does not consist alone. */
const SEEN_WITH_OTHERS = /[\p{Join_Control}\p{Variation_Selector}\p{Mark}\s]/gu;

/** A participant's name as everybody is told it: never empty, nor invisible. */
export function displayNameOf(name: string | undefined): string {
  const visible = (name ?? '').replace(INVISIBLE, '').trim();
  return visible.replace(SEEN_WITH_OTHERS, '') === '' ? 'Guest' : visible;
}
