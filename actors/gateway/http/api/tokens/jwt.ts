/** Tokens as JoinMarket's clients know them: JSON Web Tokens (RFC 7519) with HS256 and two claims, nothing else. */
import { createHmac, timingSafeEqual } from "node:crypto";
import { z } from "zod";

const ClaimsSchema = z.object({
  /** Seconds since the Unix epoch. */
  exp: z.int().min(0),
  /** Scopes with one space between them. */
  scope: z.string(),
});
export type Claims = z.infer<typeof ClaimsSchema>;

const HEADER = base64Url('{"alg":"HS256","typ":"JWT"}');
/** Ours have some 200 characters; a name has at most 255 bytes. */
const TOKEN_LENGTH_MAX = 2_048;

/** The text of the key is the key, as JoinMarket has it: its hexadecimal digits are not decoded. */
export function signToken(claims: Claims, keyText: string): string {
  const { exp, scope } = claims;
  const signed = `${HEADER}.${base64Url(JSON.stringify({ exp, scope }))}`;
  return `${signed}.${macOf(signed, keyText).toString("base64url")}`;
}

/** The claims, when this key has signed them; whether they have expired is the caller's question. */
export function readToken(token: string, keyText: string): Claims | undefined {
  if (token.length > TOKEN_LENGTH_MAX) return undefined;
  const [header, claims, mac, ...more] = token.split(".");
  // One header only: a token cannot choose how it is checked.
  if (header !== HEADER || claims === undefined || mac === undefined || more.length > 0) return undefined;
  const given = Buffer.from(mac, "base64url");
  const wanted = macOf(`${header}.${claims}`, keyText);
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) return undefined;
  return ClaimsSchema.safeParse(JSON.parse(Buffer.from(claims, "base64url").toString("utf8"))).data;
}

function macOf(text: string, keyText: string): Buffer {
  return createHmac("sha256", keyText).update(text).digest();
}

function base64Url(text: string): string {
  return Buffer.from(text, "utf8").toString("base64url");
}
