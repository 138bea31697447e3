/** What a client asks before anything else: the version, and which wallet is open. */
import { z } from "zod";
import type { MakerStatus } from "../../../../../bus/contracts/maker.ts";
import { hasCode } from "../../../../../runtime/errors.ts";
import { type Endpoint, endpoint } from "../wire/endpoint.ts";
import type { RouteParts } from "./parts.ts";

/** Clients show what this version of joinmarket-clientserver could do. */
const COMPATIBLE_VERSION = "0.9.12";

const SessionSchema = z.object({
  session: z.boolean(),
  maker_running: z.boolean(),
  coinjoin_in_process: z.boolean(),
  schedule: z.array(z.array(z.union([z.string(), z.number()]))).nullable(),
  wallet_name: z.string(),
  offer_list: z.array(z.record(z.string(), z.unknown())).nullable(),
  nickname: z.string().nullable(),
  rescanning: z.boolean(),
  block_height: z.int().nullable(),
  /** JoinMarket-NG's: the wallet inside the node, of which there is none. */
  descriptor_wallet_name: z.null(),
});

export function sessionEndpoints(parts: RouteParts): Endpoint[] {
  const { login, version, mixing } = parts;
  return [
    endpoint("GET", "/api/v1/getinfo", "version", {
      doc: "The version of joinmarket-clientserver that this API is like, and our own.",
      answer: z.object({ version: z.string(), backend: z.string(), troupe: z.string() }),
      // Where coins are looked up, as JoinMarket-NG tells it.
      handle: () => ({ version: COMPATIBLE_VERSION, backend: "troupe-index", troupe: version }),
    }),
    endpoint("GET", "/api/v1/session", "session", {
      doc: "Which wallet is open and what runs; with a token also the schedule, the offers and the height of the chain.",
      access: "optional",
      answer: SessionSchema,
      refusals: ["BackendNotReady"],
      handle: async ({ wallet }) => {
        const sync = await syncOf(parts);
        const { open } = login;
        const isOwner = wallet !== undefined;
        const [maker, isMixing, tumble] =
          open === undefined
            ? [undefined, false, undefined]
            : await Promise.all([
                mixing.earning(open.name),
                mixing.isMixing(open.name),
                mixing.tumbling.running(open.name),
              ]);
        return {
          session: open !== undefined,
          maker_running: maker !== undefined,
          coinjoin_in_process: isMixing,
          schedule: isOwner ? (tumble?.schedule ?? null) : null,
          wallet_name: open === undefined ? "None" : open.name,
          offer_list: isOwner ? (maker?.offers.map(offerOf) ?? null) : null,
          nickname: isOwner ? (maker?.nick ?? null) : null,
          rescanning: sync?.isScanning ?? false,
          block_height: isOwner ? (sync?.tip?.height ?? null) : null,
          descriptor_wallet_name: null,
        };
      },
    }),
  ];
}

/** As joinmarket-clientserver shows an offer. */
function offerOf({ offerId, type, minSat, maxSat, txfeeSat, fee }: MakerStatus["offers"][number]) {
  return {
    oid: Number(offerId),
    ordertype: type,
    minsize: minSat,
    maxsize: maxSat,
    txfee: txfeeSat,
    cjfee: type.endsWith("absoffer") ? Number(fee) : fee,
  };
}

/** How far the open wallet knows the chain. One that walletd has closed since is closed here too. */
async function syncOf({ walletd, login }: RouteParts) {
  const { open } = login;
  if (open === undefined) return undefined;
  try {
    return (await walletd.status({ wallet: open.name, session: open.session })).sync;
  } catch (error) {
    if (!hasCode(error, "WALLETD_NO_SESSION")) throw error;
    login.lost(open);
    return undefined;
  }
}
