/** Bitcoin addresses as local parts of JIDs, which know no upper case: what was upper case stands behind a hyphen, in base 36. */

const MASK = /^[1-9a-z][0-9a-z]*$/;
/** Longer than the mask of any address; what is longer is not even computed. */
const MASK_LENGTH_MAX = 20;
const BECH32 = /^(?:bc|tb|bcrt|ltc|sp|tsp)1/i;
const LETTER = /[a-z]/i;

/** Addresses of the other kind are read without case. */
export function addressToLocal(address: string): string {
  if (BECH32.test(address)) return address.toLowerCase();
  let mask = 0n;
  let bit = 0n;
  for (const character of [...address].reverse()) {
    if (!LETTER.test(character)) continue;
    if (character !== character.toLowerCase()) mask |= 1n << bit;
    bit += 1n;
  }
  return mask === 0n ? address.toLowerCase() : `${address.toLowerCase()}-${mask.toString(36)}`;
}

/** What the local part stands for if it is an address at all; undefined when no address is written so. */
export function localToAddress(local: string): string | undefined {
  if (!/^[a-z0-9-]+$/.test(local)) return undefined;
  const hyphen = local.indexOf("-");
  if (hyphen < 0) return local;
  const suffix = local.slice(hyphen + 1);
  if (!MASK.test(suffix) || suffix.length > MASK_LENGTH_MAX) return undefined;
  let mask = fromBase36(suffix);
  const characters: string[] = [];
  for (const character of [...local.slice(0, hyphen)].reverse()) {
    if (!LETTER.test(character)) {
      characters.push(character);
      continue;
    }
    characters.push((mask & 1n) === 1n ? character.toUpperCase() : character);
    mask >>= 1n;
  }
  if (mask !== 0n) return undefined;
  const address = characters.reverse().join("");
  // One address has one JID, or a person would see two contacts where there is one.
  return addressToLocal(address) === local ? address : undefined;
}

function fromBase36(text: string): bigint {
  return [...text].reduce((sum, digit) => sum * 36n + BigInt(Number.parseInt(digit, 36)), 0n);
}
