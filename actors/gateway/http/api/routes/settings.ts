/** Settings by section and field as JoinMarket's configuration file names them; each wallet keeps its own. */
import { z } from "zod";
import { type Endpoint, walletEndpoint } from "../wire/endpoint.ts";
import { Refusal } from "../wire/refusal.ts";
import type { RouteParts } from "./parts.ts";
import { NothingSchema } from "./schemas.ts";

const SECTIONS: ReadonlySet<string> = new Set([
  "BLOCKCHAIN",
  "DAEMON",
  "LOGGING",
  "MESSAGING",
  "PAYJOIN",
  "POLICY",
  "SNICKER",
  "TIMEOUT",
  "YIELDGENERATOR",
]);

/** What clients take for set until it is, beside what walletd goes by; all else they are told is not set, and ask for it. */
const STANDARD: Readonly<Record<string, string>> = Object.freeze({
  "POLICY.max_sweep_fee_change": "0.8",
  "POLICY.interest_rate": "0.015",
  "POLICY.bondless_makers_allowance": "0.125",
  "POLICY.bond_value_exponent": "1.3",
  "POLICY.taker_utxo_retries": "3",
  "POLICY.taker_utxo_age": "5",
  "POLICY.taker_utxo_amtpercent": "20",
});

const Name = z.string().min(1).max(48);
const Place = z.object({ section: Name, field: Name });

export function settingEndpoints(parts: RouteParts): Endpoint[] {
  const { walletd, makersMin } = parts;
  const standard: Readonly<Record<string, string>> = {
    ...STANDARD,
    "POLICY.minimum_makers": String(makersMin),
  };
  return [
    walletEndpoint("POST", "/configget", "configget", {
      doc: "A setting, as text.",
      body: Place,
      answer: z.object({ configvalue: z.string() }),
      refusals: ["ConfigNotPresent", "BackendNotReady"],
      handle: async ({ wallet: { name, session }, body }) => {
        const key = keyOf(body);
        const { settings, inForce } = await walletd.settings({ wallet: name, session });
        const configvalue = settings[key] ?? inForce[key] ?? standard[key];
        if (configvalue === undefined) throw new Refusal("ConfigNotPresent");
        return { configvalue };
      },
    }),
    walletEndpoint("POST", "/configset", "configsetting", {
      doc: "Sets a setting of this wallet, for good.",
      // Whatever the value is: only a text is one, and the refusal of others is a conflict and no bad request.
      body: Place.extend({ value: z.unknown().refine((value) => value !== undefined, "is missing") }),
      answer: NothingSchema,
      refusals: ["ConfigNotPresent", "BackendNotReady"],
      handle: async ({ wallet: { name, session }, body }) => {
        const { value } = body;
        if (typeof value !== "string") throw new Refusal("ConfigNotPresent");
        await walletd.setSetting({ wallet: name, session, key: keyOf(body), value });
        return {};
      },
    }),
  ];
}

/** `MESSAGING:onion` is a section of its own beside `MESSAGING`. */
function keyOf({ section, field }: z.output<typeof Place>): string {
  const [kind = ""] = section.split(":");
  const isKnown = SECTIONS.has(kind) && /^[\w:-]+$/.test(section) && /^[\w-]+$/.test(field);
  if (!isKnown) throw new Refusal("ConfigNotPresent");
  return `${section}.${field}`;
}
