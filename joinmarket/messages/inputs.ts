/** `!ioauth`: a maker's coins, its two addresses, and the word of a coin's key for the key of the conversation. */
import { base64ToBytes, hexToBytes } from "../../bitcoin/bytes.ts";
import { isPublicKey } from "../../bitcoin/keys/curve.ts";
import { signMessageDer, verifyMessageDer } from "../../bitcoin/signing/message.ts";
import { badMessage } from "./bad-message.ts";
import { formatCoin, parseCoin, type ReadCoin } from "./coin.ts";
import { argumentsOf, type Command } from "./command.ts";

export interface MakerInputs {
  readonly coins: readonly ReadCoin[];
  /** In hex: the key of one of the coins, which vouches for the encryption key. */
  readonly publicKey: string;
  readonly coinjoinAddress: string;
  readonly changeAddress: string;
  /** Of the maker's encryption key, in base64. */
  readonly signature: string;
}

/** More than fit into a message. */
const COINS_MAX = 500;
const PUBLIC_KEY = /^0[23][0-9a-fA-F]{64}$/;
const ADDRESS = /^[0-9A-Za-z]{14,100}$/;
/** DER of at most 72 bytes. */
const SIGNATURE_LENGTH_MAX = 100;

/** What is sealed; the command's name stays outside. */
export function writeMakerInputs(inputs: MakerInputs): string {
  const { coins, publicKey, coinjoinAddress, changeAddress, signature } = inputs;
  return [coins.map(formatCoin).join(","), publicKey, coinjoinAddress, changeAddress, signature].join(" ");
}

export function parseMakerInputs(plainText: string): MakerInputs {
  const command: Command = { name: "ioauth", args: plainText.split(" ", 6) };
  const [list = "", publicKey = "", coinjoinAddress = "", changeAddress = "", signature = ""] = argumentsOf(
    command,
    5,
  );
  const coins = list.split(",", COINS_MAX + 1).map(parseCoin);
  const known = coins.filter((coin) => coin !== undefined);
  if (known.length !== coins.length || known.length > COINS_MAX) {
    throw badMessage(command.name, "its coins are no list of outpoints");
  }
  if (!PUBLIC_KEY.test(publicKey)) throw badMessage(command.name, "the coin's key is no public key");
  if (!ADDRESS.test(coinjoinAddress) || !ADDRESS.test(changeAddress)) {
    throw badMessage(command.name, "an address is none");
  }
  return { coins: known, publicKey: publicKey.toLowerCase(), coinjoinAddress, changeAddress, signature };
}

/** The word of a coin's key for an encryption key, which it signs as the hex digits that travel. */
export function vouchFor(encryptionKey: string, privateKey: Uint8Array): string {
  return Buffer.from(signMessageDer(Buffer.from(encryptionKey, "ascii"), privateKey)).toString("base64");
}

/** Whether the maker that has this encryption key has also the key of a coin. */
export function isVouched(
  encryptionKey: string,
  inputs: Pick<MakerInputs, "publicKey" | "signature">,
): boolean {
  const der = inputs.signature.length > SIGNATURE_LENGTH_MAX ? undefined : base64ToBytes(inputs.signature);
  const publicKey = hexToBytes(inputs.publicKey);
  if (der === undefined || !isPublicKey(publicKey)) return false;
  return verifyMessageDer(Buffer.from(encryptionKey, "ascii"), der, publicKey);
}
