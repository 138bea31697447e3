/** Addresses: what people write for an output script, one network at a time. */
// Its addresses alone: the whole, with blocks and partially signed transactions, takes 25 ms longer to load.
import * as codec from "bitcoinjs-lib/src/address";
import { BitcoinError } from "../errors.ts";
import type { Network } from "../network.ts";
import { p2pkhScript, p2shScript, witnessScript } from "./script.ts";
import { classifyScript } from "./script-type.ts";

/** BIP173's limit, longer than any base58 address: nothing longer is even looked at. */
const ADDRESS_LENGTH_MAX = 90;

/** The address of a script, or nothing for kinds that have none (bare keys, bare multisig, data, unknown). */
export function addressOfScript(script: Uint8Array, network: Network): string | undefined {
  const found = classifyScript(script);
  const { p2pkh, p2sh, bech32 } = network.address;
  switch (found.type) {
    case "p2pkh":
      return codec.toBase58Check(found.keyHash, p2pkh);
    case "p2sh":
      return codec.toBase58Check(found.scriptHash, p2sh[0]);
    case "p2wpkh":
      return codec.toBech32(found.keyHash, 0, bech32);
    case "p2wsh":
      return codec.toBech32(found.scriptHash, 0, bech32);
    case "p2tr":
      return codec.toBech32(found.outputKey, 1, bech32);
    case "p2a":
      return codec.toBech32(found.program, 1, bech32);
    case "witness":
      return codec.toBech32(found.program, found.version, bech32);
    case "p2pk":
    case "multisig":
    case "op_return":
    case "unknown":
      return undefined;
  }
}

export function isAddress(text: string, network: Network): boolean {
  try {
    scriptOfAddress(text, network);
    return true;
  } catch (error) {
    if (error instanceof BitcoinError && error.code === "BITCOIN_BAD_ADDRESS") return false;
    throw error;
  }
}

/** The script an address stands for; throws BITCOIN_BAD_ADDRESS with the reason. */
export function scriptOfAddress(address: string, network: Network): Uint8Array {
  if (address.length > ADDRESS_LENGTH_MAX) throw bad(network, "it is too long");
  const separator = address.lastIndexOf("1");
  if (address.slice(0, separator).toLowerCase() === network.address.bech32)
    return witnessOf(address, network);
  return base58Of(address, network);
}

function witnessOf(address: string, network: Network): Uint8Array {
  const { version, data } = attempt(() => codec.fromBech32(address), network);
  if (version > 16) throw bad(network, `witness version ${version} does not exist`);
  if (data.length < 2 || data.length > 40) throw bad(network, "its program has a wrong length");
  if (version === 0 && data.length !== 20 && data.length !== 32) {
    throw bad(network, "its program has a wrong length");
  }
  return witnessScript(version, data);
}

function base58Of(address: string, network: Network): Uint8Array {
  const { version, hash } = attempt(() => codec.fromBase58Check(address), network);
  if (version === network.address.p2pkh) return p2pkhScript(hash);
  if (network.address.p2sh.includes(version)) return p2shScript(hash);
  throw bad(network, "it belongs to another network");
}

function attempt<T>(decode: () => T, network: Network): T {
  try {
    return decode();
  } catch (cause) {
    throw bad(network, "it is mistyped, or belongs to another network", cause);
  }
}

function bad(network: Network, reason: string, cause?: unknown): BitcoinError {
  return new BitcoinError(
    { code: "BITCOIN_BAD_ADDRESS", network: network.name, reason },
    `this is not an address of ${network.name}: ${reason}; copy it again from where it was given`,
    cause === undefined ? undefined : { cause },
  );
}
