/** Links that ask for a payment (BIP21), strictly: what cannot be kept is refused, not guessed. */
import { SAT_MAX } from "./amount.ts";

export interface PaymentLink {
  readonly address: string;
  readonly amountSat: number | undefined;
  readonly label: string;
  readonly message: string;
}

export type LinkProblem = "form" | "amount" | "required" | "twice" | "network";

const TEXT_MAX = 200;
const AMOUNT = /^(\d{1,8})(?:\.(\d{1,8}))?$/;

export function isPaymentLink(text: string): boolean {
  return /^bitcoin:/i.test(text);
}

/** `address` says how an address is written, or that it is none. */
export function readPaymentLink(
  text: string,
  address: (text: string) => string | undefined,
): PaymentLink | { readonly problem: LinkProblem } {
  const match = /^bitcoin:([a-z0-9]+)(?:\?(.*))?$/i.exec(text.trim());
  if (match === null) return { problem: "form" };
  const known = address(match[1] as string);
  if (known === undefined) return { problem: "network" };
  const values = new Map<string, string>();
  for (const pair of (match[2] ?? "").split("&").filter((one) => one !== "")) {
    const [key = "", value = ""] = pair.split(/=(.*)/s);
    const name = key.toLowerCase();
    if (values.has(name)) return { problem: "twice" };
    if (name.startsWith("req-")) return { problem: "required" };
    const decoded = decode(value);
    if (decoded === undefined) return { problem: "form" };
    values.set(name, decoded);
  }
  const amount = values.get("amount");
  const amountSat = amount === undefined ? undefined : satOf(amount);
  if (amount !== undefined && amountSat === undefined) return { problem: "amount" };
  return {
    address: known,
    amountSat,
    label: (values.get("label") ?? "").slice(0, TEXT_MAX),
    message: (values.get("message") ?? "").slice(0, TEXT_MAX),
  };
}

function satOf(text: string): number | undefined {
  const match = AMOUNT.exec(text);
  if (match === null) return undefined;
  const sat = BigInt((match[1] as string) + (match[2] ?? "").padEnd(8, "0"));
  return sat > 0n && sat <= SAT_MAX ? Number(sat) : undefined;
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    // No UTF-8: the link is damaged.
    return undefined;
  }
}
