/** The commands whose one argument is bytes in base64: `!tx`, `!sig` and `!push`. */
import { base64ToBytes } from "../../bitcoin/bytes.ts";
import { badMessage } from "./bad-message.ts";
import { TEXT_LENGTH_MAX, writeCommand } from "./command.ts";

type ByteCommand = "tx" | "sig" | "push";

export function writeBytes(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

/** Peers take blanks out of base64 before they read it. */
export function parseBytes(name: ByteCommand, text: string): Uint8Array {
  const bytes = text.length > TEXT_LENGTH_MAX ? undefined : base64ToBytes(text.replaceAll(" ", ""));
  if (bytes === undefined || bytes.length === 0) throw badMessage(name, "it holds no base64");
  return bytes;
}

/** `!push`, whose transaction travels in the open; nothing when it is too long to be sent. */
export function writePush(transaction: Uint8Array): string | undefined {
  const text = writeCommand("push", writeBytes(transaction));
  return text.length > TEXT_LENGTH_MAX ? undefined : text;
}
