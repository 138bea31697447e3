/** The scripts that one public key can be paid to by. */
import { badKey } from "../errors.ts";
import { hash160 } from "../hash.ts";
import { p2pkhScript, p2shScript, p2wpkhScript } from "../script/script.ts";
import { isPublicKey } from "./curve.ts";

/** Native segwit (BIP84), segwit inside a script hash (BIP49), and the old way (BIP44). */
export type KeyScriptKind = "p2wpkh" | "p2sh-p2wpkh" | "p2pkh";

/** The output script of this kind that pays to a key. */
export function keyScript(publicKey: Uint8Array, kind: KeyScriptKind): Uint8Array {
  if (!isPublicKey(publicKey)) throw badKey("a public key is 33 bytes, a point on the curve");
  const keyHash = hash160(publicKey);
  switch (kind) {
    case "p2wpkh":
      return p2wpkhScript(keyHash);
    case "p2sh-p2wpkh":
      return p2shScript(hash160(p2wpkhScript(keyHash)));
    case "p2pkh":
      return p2pkhScript(keyHash);
  }
}
