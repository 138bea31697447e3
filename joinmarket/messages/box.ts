/** The encryption between one taker and one maker: NaCl's box, with the nonce in front, in base64. */
import nacl from "tweetnacl";
import { base64ToBytes, bytesToHex, concatBytes, hexToBytes } from "../../bitcoin/bytes.ts";
import { badMessage } from "./bad-message.ts";
import { parseEncryptionKey } from "./fill.ts";

type RandomBytes = (lengthBytes: number) => Uint8Array;

const { nonceLength, overheadLength, secretKeyLength } = nacl.box;
const ASCII = /^[\x20-\x7e]*$/;
const ALL_ZERO = new Uint8Array(nacl.box.sharedKeyLength);

/** One side's pair of keys: a maker's for one `!fill`, a taker's for one join. */
export class BoxKeys {
  /** Lower-case hex, as it travels. */
  readonly publicKey: string;
  readonly #secretKey: Uint8Array;
  readonly #randomBytes: RandomBytes;

  constructor(randomBytes: RandomBytes) {
    const { publicKey, secretKey } = nacl.box.keyPair.fromSecretKey(randomBytes(secretKeyLength));
    this.publicKey = bytesToHex(publicKey);
    this.#secretKey = secretKey;
    this.#randomBytes = randomBytes;
  }

  /** The box with whoever has this key; a key that makes every box alike is refused. */
  boxWith(theirPublicKey: string): Box {
    const key = parseEncryptionKey(theirPublicKey);
    if (key === undefined) throw badMessage("pubkey", "the key is not 32 bytes in hex");
    const theirs = hexToBytes(key);
    const isWeak = nacl.verify(nacl.scalarMult(this.#secretKey, theirs), ALL_ZERO);
    if (isWeak) throw badMessage("pubkey", "the key is one of the few that encrypt nothing");
    return new Box(nacl.box.before(theirs, this.#secretKey), this.#randomBytes);
  }

  /** Nothing can be opened or sealed with new boxes after this. */
  wipe(): void {
    this.#secretKey.fill(0);
  }
}

class Box {
  readonly #sharedKey: Uint8Array;
  readonly #randomBytes: RandomBytes;

  constructor(sharedKey: Uint8Array, randomBytes: RandomBytes) {
    this.#sharedKey = sharedKey;
    this.#randomBytes = randomBytes;
  }

  seal(plainText: string): string {
    const nonce = this.#randomBytes(nonceLength);
    const sealed = nacl.box.after(Buffer.from(plainText, "ascii"), nonce, this.#sharedKey);
    return Buffer.from(concatBytes(nonce, sealed)).toString("base64");
  }

  /** Nothing if it was not sealed by the other side, or holds no text. */
  open(sealedText: string): string | undefined {
    // Peers take blanks out of base64 before they read it.
    const bytes = base64ToBytes(sealedText.replaceAll(" ", ""));
    if (bytes === undefined || bytes.length < nonceLength + overheadLength) return undefined;
    const nonce = bytes.subarray(0, nonceLength);
    const opened = nacl.box.open.after(bytes.subarray(nonceLength), nonce, this.#sharedKey);
    const text = opened === null ? undefined : Buffer.from(opened).toString("latin1");
    return text !== undefined && ASCII.test(text) ? text : undefined;
  }

  wipe(): void {
    this.#sharedKey.fill(0);
  }
}

export type { Box };
