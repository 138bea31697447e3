/** Messages that a wallet's keys sign, to show that an address is its own, and those that others have signed. */
import type { Network } from "../../../bitcoin/network.ts";
import { scriptOfAddress } from "../../../bitcoin/script/address.ts";
import { scriptHashOf } from "../../../bitcoin/script/scripthash.ts";
import { signMessage, verifyMessage } from "../../../bitcoin/signing/message.ts";
import { formatKeyPath, parseKeyPath } from "../../../joinmarket/wallet/paths.ts";
import type { WalletKey } from "../../../joinmarket/wallet/wallet-key.ts";
import { hasCode } from "../../../runtime/errors.ts";
import { denials } from "../denials.ts";
import type { OpenWallet } from "../wallets/open-wallet.ts";

export type MessageForm = "clientserver" | "bip137" | "bip322";

/** What tells the three forms of a signature apart. */
const COMPACT_BYTES = 65;
const BIP137_HEADER_MIN = 35;

/** `place`: of the key in the wallet, or its address. */
export function signedMessage(
  wallet: OpenWallet,
  { place, message, form }: { readonly place: string; readonly message: string; readonly form: MessageForm },
  network: Network,
): { signature: string; address: string } {
  wallet.needKeys();
  const key = keyAt(wallet, place, network);
  const { kind } = key.spending;
  if (kind === "bond") throw denials.noSuchPlace("address for messages at a bond's place");
  if (form === "bip322" && kind !== "p2wpkh") {
    throw denials.noSuchPlace("native SegWit address there, which BIP322's form needs; take bip137");
  }
  const privateKey = wallet.keys.privateKey(key.path);
  try {
    const format = form === "clientserver" ? "legacy" : form;
    const signature = signMessage(Buffer.from(message, "utf8"), privateKey, kind, format);
    return { signature, address: key.address };
  } finally {
    privateKey.fill(0);
  }
}

/** The form of a signature that the address's key has made over the message; null if it has not. */
export function formOfSignature(
  { address, message, signature }: { address: string; message: string; signature: string },
  network: Network,
): MessageForm | null {
  const script = scriptOf(address, network);
  if (script === undefined) throw denials.address(address);
  if (!verifyMessage(Buffer.from(message, "utf8"), signature, script)) return null;
  const bytes = Buffer.from(signature, "base64");
  if (bytes.length !== COMPACT_BYTES) return "bip322";
  return (bytes[0] ?? 0) >= BIP137_HEADER_MIN ? "bip137" : "clientserver";
}

function keyAt({ keys, book }: OpenWallet, place: string, network: Network): WalletKey {
  const script = scriptOf(place, network);
  const known = script === undefined ? undefined : book.find(scriptHashOf(script));
  // What a cache says is where to look; the key itself is derived anew.
  if (known !== undefined) return book.at(known.path);
  try {
    const imported = keys.imported.find(({ pathText }) => pathText === place);
    if (imported !== undefined) return imported;
    const path = parseKeyPath(place);
    const key = keys.key(path);
    // The path of a wallet of another type or network leads to a key here too, but not to the one that was meant.
    if (key.pathText === formatKeyPath(path)) return key;
  } catch (error) {
    if (!hasCode(error, "JOINMARKET_BAD_PATH") && !hasCode(error, "JOINMARKET_NO_SUCH_KEY")) throw error;
  }
  throw denials.noSuchPlace(script === undefined ? `key at ${place}` : `address ${place}`);
}

function scriptOf(address: string, network: Network): Uint8Array | undefined {
  try {
    return scriptOfAddress(address, network);
  } catch (error) {
    if (!hasCode(error, "BITCOIN_BAD_ADDRESS")) throw error;
    return undefined;
  }
}
