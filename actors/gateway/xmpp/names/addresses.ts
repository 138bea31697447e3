/** Which texts are Bitcoin addresses here: judged by their checksum and network, without asking anybody. */
import type { Network } from "../../../../bitcoin/network.ts";
import { scriptOfAddress } from "../../../../bitcoin/script/address.ts";
import { hasCode } from "../../../../runtime/errors.ts";

/** The address as it is written everywhere, or undefined when it is none of this network. */
export function canonicalAddress(text: string, network: Network): string | undefined {
  // Upper case is how QR codes write them; mixed case is a mistake, and the check finds it.
  const address = isUpperCase(text) && isWitness(text, network) ? text.toLowerCase() : text;
  try {
    scriptOfAddress(address, network);
    return address;
  } catch (error) {
    if (hasCode(error, "BITCOIN_BAD_ADDRESS")) return undefined;
    throw error;
  }
}

function isWitness(text: string, network: Network): boolean {
  return text.toLowerCase().startsWith(`${network.address.bech32}1`);
}

function isUpperCase(text: string): boolean {
  return text === text.toUpperCase();
}
