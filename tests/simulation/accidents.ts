/** What may happen to a message between two strangers. */
import type { Chance } from "../harness/electrum/hostile-input.ts";
import { DELIVERED, type HubDelivery, type HubMessage, LOST } from "../harness/joinmarket/market-hub.ts";
import { ACCIDENTS, type Accident } from "./schedule.ts";

const WORDS = ["fill", "pubkey", "auth", "ioauth", "tx", "sig", "push", "error", "hp2"] as const;

export function accidentTo({ text, isPrivate }: HubMessage, chance: Chance): readonly HubDelivery[] {
  const accident = chance.one(ACCIDENTS);
  // A line with an empty command says nothing on the real market either.
  if (!isPrivate && accident !== "doubled" && accident !== "late") return LOST;
  return happening(accident, text, chance);
}

function happening(accident: Accident, text: string, chance: Chance): readonly HubDelivery[] {
  const rest = text.split(" ").slice(1).join(" ");
  switch (accident) {
    case "lost":
      return LOST;
    case "late":
      return [{ delayMs: chance.below(3_000) }];
    case "very late":
      return [{ delayMs: 10_000 + chance.below(120_000) }];
    case "doubled":
      return [...DELIVERED, { delayMs: chance.below(5) }, { delayMs: chance.below(30_000) }];
    case "overtaken":
      return [{ delayMs: 5 + chance.below(60) }];
    case "cut":
      return [{ text: text.slice(0, Math.max(1, chance.below(text.length))) }];
    case "garbled": {
      const at = chance.below(text.length);
      return [{ text: `${text.slice(0, at)}${chance.one(["A", "0", "!", " ", "é"])}${text.slice(at + 1)}` }];
    }
    case "with noise":
      return [{}, { text: `${chance.one(WORDS)} AAAA` }, { text: "nonsense 1 2 3" }];
    case "as another command":
      return [{}, { text: `${chance.one(WORDS)} ${rest}`, delayMs: 1 }];
  }
}
