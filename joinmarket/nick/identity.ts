/** Who a bot is on the market: a fresh key, its nick, and signatures by it. Nothing of it is ever kept. */
import { randomBytes } from "node:crypto";
import { bytesToHex } from "../../bitcoin/bytes.ts";
import { isPrivateKey, publicKeyOf } from "../../bitcoin/keys/curve.ts";
import { signMessageDer } from "../../bitcoin/signing/message.ts";
import { nickOf } from "./nick.ts";

export class NickIdentity {
  readonly nick: string;
  readonly publicKeyHex: string;
  readonly #privateKey: Uint8Array;

  constructor(privateKey: Uint8Array) {
    this.#privateKey = Uint8Array.from(privateKey);
    this.publicKeyHex = bytesToHex(publicKeyOf(privateKey));
    this.nick = nickOf(this.publicKeyHex);
  }

  static random(): NickIdentity {
    for (;;) {
      const privateKey = randomBytes(32);
      // One in 2^128 is not below the curve's order.
      if (isPrivateKey(privateKey)) return new NickIdentity(privateKey);
    }
  }

  /** The signature of a text as the protocol writes it: base64 of DER. */
  sign(text: string): string {
    return Buffer.from(signMessageDer(Buffer.from(text, "utf8"), this.#privateKey)).toString("base64");
  }
}
