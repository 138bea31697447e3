/** The nick of a JoinMarket bot: it is made of a public key, so that whoever signs with the key owns the name. */
import { sha256 } from "../../bitcoin/hash.ts";

const VERSION = "J5";
const HASH_LENGTH_BYTES = 10;
const BODY_LENGTH = 14;
/** Not a letter of base58, so that padding is never mistaken for a part of the hash. */
const PADDING = "O";
const BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

const NICK = new RegExp(`^${VERSION}[${BASE58}]{1,${BODY_LENGTH}}${PADDING}*$`);
const NICK_LENGTH = VERSION.length + BODY_LENGTH;

/** A name that a key could have. */
export function isNick(text: string): boolean {
  return text.length === NICK_LENGTH && NICK.test(text);
}

/** The nick of a public key, given as its 66 hex digits: they are what is hashed, not the bytes. */
export function nickOf(publicKeyHex: string): string {
  const hash = sha256(Buffer.from(publicKeyHex, "ascii")).subarray(0, HASH_LENGTH_BYTES);
  return VERSION + base58(hash).padEnd(BODY_LENGTH, PADDING);
}

/** Base58 without a checksum; each leading zero byte is a "1". */
function base58(bytes: Uint8Array): string {
  let digits = "";
  for (let rest = BigInt(`0x${Buffer.from(bytes).toString("hex")}`); rest > 0n; rest /= 58n) {
    digits = `${BASE58[Number(rest % 58n)]}${digits}`;
  }
  const firstNonZero = bytes.findIndex((byte) => byte !== 0);
  return "1".repeat(firstNonZero === -1 ? bytes.length : firstNonZero) + digits;
}
