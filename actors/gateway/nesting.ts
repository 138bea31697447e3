/** How deep a JSON text nests, told from its bytes before anything is made of it. */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** True when it nests deeper than `depthMax`. Of a text that is no JSON it says something, and the parser the rest. */
export function isTooDeep(text: Uint8Array, depthMax: number): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const byte = text[at] as number;
    if (byte === QUOTE) {
      at = endOfString(text, at);
      continue;
    }
    // The codes of [ and { differ in one bit, as those of ] and } do.
    const bracket = byte & 0xdf;
    if (bracket === 0x5b) {
      if (++depth > depthMax) return true;
    } else if (bracket === 0x5d) depth--;
  }
  return false;
}

function endOfString(text: Uint8Array, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    const byte = text[at] as number;
    if (byte === QUOTE) return at;
    if (byte === BACKSLASH) at++;
  }
  return text.length;
}
