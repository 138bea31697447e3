/** Addresses to be paid at: each is given out once. */
import { z } from "zod";
import { type Endpoint, walletEndpoint } from "../wire/endpoint.ts";
import type { RouteParts } from "./parts.ts";
import { whole } from "./schemas.ts";

const AddressAnswer = z.object({ address: z.string() });
const MixdepthField = z.object({ mixdepth: whole(0, 99) });
const LOCK_DATE = /^20[2-9][0-9]-(?:0?[1-9]|1[0-2])$/;

export function addressEndpoints({ walletd, network, clock }: RouteParts): Endpoint[] {
  return [
    walletEndpoint("GET", "/address/new/{mixdepth}", "getaddress", {
      doc: "A new address of a mixdepth.",
      params: MixdepthField,
      answer: AddressAnswer,
      refusals: ["BackendNotReady"],
      handle: async ({ wallet: { name, session }, params }) => {
        const { address } = await walletd.newAddress({ wallet: name, session, mixdepth: params.mixdepth });
        return { address };
      },
    }),
    walletEndpoint("GET", "/address/timelock/new/{lockdate}", "gettimelockaddress", {
      doc: "The address of a fidelity bond that is locked until a month of the form 2030-01.",
      params: z.object({
        lockdate: z
          .string()
          .regex(LOCK_DATE, "expected a month such as 2030-01")
          // A lock in the past is a mistake, except where one plays with time.
          .refine((text) => network.name !== "mainnet" || Date.parse(`${padded(text)}-01`) > clock.now(), {
            error: "expected a month that is still to come",
          }),
      }),
      answer: AddressAnswer,
      refusals: ["BackendNotReady"],
      handle: async ({ wallet: { name, session }, params }) => {
        const { address } = await walletd.bondAddress({ wallet: name, session, lockDate: params.lockdate });
        return { address };
      },
    }),
  ];
}

/** `2030-1` is taken for `2030-01`, as it was by joinmarket-clientserver. */
function padded(month: string): string {
  return month.length === 6 ? month.replace("-", "-0") : month;
}
