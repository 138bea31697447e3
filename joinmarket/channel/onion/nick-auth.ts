/** A bot proves to a directory that its nick is its own (JMP-0005), so that nobody else can take it there. */
import { randomBytes } from "node:crypto";
import { bytesToHex, hexToBytes } from "../../../bitcoin/bytes.ts";
import { sha256 } from "../../../bitcoin/hash.ts";
import { decodeDer } from "../../../bitcoin/signing/der.ts";
import { verifyMessageDer } from "../../../bitcoin/signing/message.ts";
import type { NickIdentity } from "../../nick/identity.ts";
import { nickOf } from "../../nick/nick.ts";
import { isRecord, parsedJson } from "./line.ts";

const DOMAIN = "nick-auth-v1";
const CHALLENGE = /^[0-9a-f]{64}$/;
const DIRECTORY_ID = /^[a-z0-9][a-z0-9.:_-]{0,299}$/;
const PUBLIC_KEY = /^0[23][0-9a-f]{64}$/;
const SIGNATURE_TEXT_LENGTH_MAX = 96;
const CODES = ["ok", "malformed", "expired", "invalid", "policy"] as const;
const STRING = /"(?:[^"\\]|\\.)*"/g;

export type AuthCode = (typeof CODES)[number];

export interface AuthChallenge {
  readonly challenge: string;
  /** The directory's address as its bots dial it: a proof for one directory is none for another. */
  readonly directoryId: string;
}

interface AuthProof {
  readonly publicKeyHex: string;
  readonly signature: string;
}

export function newChallenge(directoryId: string): AuthChallenge {
  return { challenge: bytesToHex(randomBytes(32)), directoryId };
}

export function writeChallenge({ challenge, directoryId }: AuthChallenge): string {
  return JSON.stringify({ challenge, "directory-id": directoryId });
}

export function parseChallenge(text: string): AuthChallenge | undefined {
  const fields = strictFields(text, ["challenge", "directory-id"], 4);
  const { challenge, "directory-id": directoryId } = fields ?? {};
  if (typeof challenge !== "string" || !CHALLENGE.test(challenge)) return undefined;
  if (typeof directoryId !== "string" || !DIRECTORY_ID.test(directoryId)) return undefined;
  return { challenge, directoryId };
}

/** The name that a directory has for whoever dials this address. */
export function directoryIdOf(address: string): string {
  return address.toLowerCase().replace(/\.(?=:\d+$)/, "");
}

/** `handshake` is the very text of the bot's handshake: one other space in it and the proof is void. */
export function writeProof(identity: NickIdentity, asked: AuthChallenge, handshake: string): string {
  const transcript = transcriptOf(asked, handshake, identity.nick, identity.publicKeyHex);
  return JSON.stringify({ pubkey: identity.publicKeyHex, signature: identity.sign(transcript) });
}

/** What the directory answers to a proof, and the proven key. */
export function checkProof(
  text: string,
  asked: AuthChallenge,
  handshake: string,
  nick: string,
): { readonly code: "malformed" | "invalid" } | { readonly code: "ok"; readonly publicKeyHex: string } {
  const proof = parseProof(text);
  if (proof === undefined) return { code: "malformed" };
  const { publicKeyHex, signature } = proof;
  const transcript = transcriptOf(asked, handshake, nick, publicKeyHex);
  const isSigned = verifyMessageDer(
    Buffer.from(transcript, "utf8"),
    Buffer.from(signature, "base64"),
    hexToBytes(publicKeyHex),
  );
  return isSigned && nickOf(publicKeyHex) === nick ? { code: "ok", publicKeyHex } : { code: "invalid" };
}

export function writeResult(code: AuthCode): string {
  return JSON.stringify({ code, verified: code === "ok" });
}

export function parseResult(text: string): AuthCode | undefined {
  const { code, verified } = strictFields(text, ["code", "verified"], 3) ?? {};
  const known = CODES.find((name) => name === code);
  return verified === (known === "ok") ? known : undefined;
}

function transcriptOf(asked: AuthChallenge, handshake: string, nick: string, publicKeyHex: string): string {
  const handshakeHash = bytesToHex(sha256(Buffer.from(handshake, "utf8")));
  const parts = ["nick-auth", asked.challenge, asked.directoryId, handshakeHash, nick, publicKeyHex];
  return parts.join("|") + DOMAIN;
}

function parseProof(text: string): AuthProof | undefined {
  const { pubkey, signature } = strictFields(text, ["pubkey", "signature"], 4) ?? {};
  if (typeof pubkey !== "string" || !PUBLIC_KEY.test(pubkey)) return undefined;
  if (typeof signature !== "string" || signature.length > SIGNATURE_TEXT_LENGTH_MAX) return undefined;
  const bytes = Buffer.from(signature, "base64");
  if (bytes.toString("base64") !== signature || decodeDer(bytes) === undefined) return undefined;
  return { publicKeyHex: pubkey, signature };
}

/** An object of these keys and no others, each once. What is written twice shows in the number of strings. */
function strictFields(
  text: string,
  keys: readonly string[],
  strings: number,
): Record<string, unknown> | undefined {
  const fields = parsedJson(text);
  if (!isRecord(fields) || text.match(STRING)?.length !== strings) return undefined;
  const names = Object.keys(fields);
  return names.length === keys.length && keys.every((key) => names.includes(key)) ? fields : undefined;
}
