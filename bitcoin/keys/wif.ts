/** A private key as the text that wallets exchange (WIF). */
import { type ECPairAPI, ECPairFactory } from "ecpair";
import { badKey } from "../errors.ts";
import type { Network } from "../network.ts";
import { curveLibrary, isPrivateKey } from "./curve.ts";

/** The longest has 52 letters: nothing longer is even looked at. */
const TEXT_LENGTH_MAX = 60;

let library: ECPairAPI | undefined;

export interface WifKey {
  readonly privateKey: Uint8Array;
  /** False for keys of Bitcoin's first years, whose address is made of the long form of the public key. */
  readonly isCompressed: boolean;
}

export function parseWif(text: string, network: Network): WifKey {
  if (text.length > TEXT_LENGTH_MAX) throw badKey("the text is too long for a private key");
  try {
    const { privateKey, compressed } = ecpair().fromWIF(text, parametersOf(network));
    if (privateKey !== undefined) return { privateKey, isCompressed: compressed };
  } catch {
    // Said below, without the library's error: it may quote the key.
  }
  throw badKey(`no private key of ${network.name}`);
}

export function formatWif(privateKey: Uint8Array, network: Network): string {
  if (!isPrivateKey(privateKey))
    throw badKey("a private key is 32 bytes, a number from 1 to the curve's order");
  return ecpair()
    .fromPrivateKey(privateKey, { network: parametersOf(network), compressed: true })
    .toWIF();
}

/** Made when first needed: it tests the curve's library, which takes some milliseconds. */
function ecpair(): ECPairAPI {
  library ??= ECPairFactory(curveLibrary);
  return library;
}

function parametersOf({ address }: Network) {
  const { wif, bip32Public, bip32Private, bech32, p2pkh, p2sh } = address;
  return {
    // Not used for keys, but the library asks for it.
    messagePrefix: "",
    wif,
    bech32,
    bip32: { public: bip32Public, private: bip32Private },
    pubKeyHash: p2pkh,
    scriptHash: p2sh[0],
  };
}
