/** The public key of an account as programs write it: `xpub…`, `zpub…` (SLIP132), with its origin, or inside a descriptor (BIP380). */
import { badKey } from "../errors.ts";
import type { Network } from "../network.ts";
import { parseDerivationPath } from "./derivation-path.ts";
import { type HdKey, parseHdKey, parseSlip132Key } from "./hd-key.ts";

export type AccountType = "bip84" | "bip49";

export interface AccountKey {
  readonly key: HdKey;
  /** Undefined where the text does not say. */
  readonly type: AccountType | undefined;
  /** Of the root key, with the steps from there. */
  readonly origin: { readonly fingerprint: string; readonly steps: readonly number[] } | undefined;
}

const TEXT_LENGTH_MAX = 400;
/** BIP389's pair of branches, one branch, or none; the branches of an account are known anyway. */
const BRANCHES = /\/(?:<0;1>|[01])\/\*$/;
const ORIGIN = /^\[([0-9a-fA-F]{8})((?:\/\d{1,10}['hH]?)*)\](.*)$/;
const WRAPPERS: readonly (readonly [RegExp, AccountType])[] = [
  [/^wpkh\((.*)\)$/, "bip84"],
  [/^sh\(wpkh\((.*)\)\)$/, "bip49"],
];

/** Refuses private keys: whoever only watches shall not have them in a file or on a command line. */
export function parseAccountKey(text: string, network: Network): AccountKey {
  if (text.length > TEXT_LENGTH_MAX) throw badKey("the text is too long for the key of an account");
  const bare = withoutChecksum(text.trim());
  const wrapped = WRAPPERS.map(([form, type]) => ({ inner: form.exec(bare)?.[1], type })).find(
    ({ inner }) => inner !== undefined,
  );
  if (wrapped === undefined && bare.includes("(")) {
    throw badKey("of descriptors only wpkh(…) and sh(wpkh(…)) are of a wallet of this kind");
  }
  const inner = wrapped?.inner ?? bare;
  const [, fingerprint, path = "", rest = inner] = ORIGIN.exec(inner) ?? [];
  const letters = rest.replace(BRANCHES, "");
  const { key, type } = keyOf(letters, network);
  if (key.isPrivate) {
    key.wipe();
    throw badKey("this is a private key: a wallet that watches needs only the public one (xpub, tpub)");
  }
  if (wrapped !== undefined && type !== undefined && wrapped.type !== type) {
    throw badKey("the descriptor and the letters of its key say different kinds of addresses");
  }
  return {
    key,
    type: wrapped?.type ?? type,
    origin:
      fingerprint === undefined
        ? undefined
        : { fingerprint: fingerprint.toLowerCase(), steps: parseDerivationPath(`m${path}`) },
  };
}

/** The account as a descriptor with both its branches, which wallets of others take. */
export function accountDescriptor(
  key: string,
  type: AccountType,
  origin: { readonly fingerprint: string; readonly path: string },
): string {
  const steps = origin.path.replace(/^m/, "");
  const inner = `wpkh([${origin.fingerprint}${steps}]${key}/<0;1>/*)`;
  const descriptor = type === "bip84" ? inner : `sh(${inner})`;
  return `${descriptor}#${descriptorChecksum(descriptor)}`;
}

function keyOf(
  letters: string,
  network: Network,
): { readonly key: HdKey; readonly type: AccountType | undefined } {
  for (const type of ["bip84", "bip49"] as const) {
    const key = parseSlip132Key(letters, type, network);
    if (key !== undefined) return { key, type };
  }
  return { key: parseHdKey(letters, network), type: undefined };
}

function withoutChecksum(text: string): string {
  const at = text.indexOf("#");
  if (at === -1) return text;
  const descriptor = text.slice(0, at);
  if (descriptorChecksum(descriptor) !== text.slice(at + 1)) {
    throw badKey("the descriptor's checksum is wrong: a letter of it is mistyped");
  }
  return descriptor;
}

const INPUT_LETTERS =
  "0123456789()[],'/*abcdefgh@:$%{}IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~ijklmnopqrstuvwxyzABCDEFGH`#\"\\ ";
const CHECKSUM_LETTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const GENERATORS = [0xf5dee51989n, 0xa9fdca3312n, 0x1bab10e32dn, 0x3706b1677an, 0x644d626ffdn];

/** BIP380's eight letters. */
export function descriptorChecksum(descriptor: string): string {
  let sum = 1n;
  const feed = (value: number) => {
    const top = sum >> 35n;
    sum = ((sum & 0x7ffffffffn) << 5n) ^ BigInt(value);
    for (const [bit, generator] of GENERATORS.entries()) if ((top >> BigInt(bit)) & 1n) sum ^= generator;
  };
  let group = 0;
  let count = 0;
  for (const letter of descriptor) {
    const place = INPUT_LETTERS.indexOf(letter);
    if (place === -1) throw badKey("the descriptor has letters that none has");
    feed(place & 31);
    group = group * 3 + (place >> 5);
    count += 1;
    if (count === 3) {
      feed(group);
      group = 0;
      count = 0;
    }
  }
  if (count > 0) feed(group);
  for (let i = 0; i < 8; i++) feed(0);
  sum ^= 1n;
  return Array.from(
    { length: 8 },
    (_, i) => CHECKSUM_LETTERS[Number((sum >> BigInt(5 * (7 - i))) & 31n)],
  ).join("");
}
