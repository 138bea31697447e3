/** The list of peers on the disk: checked like any foreign text when it is read, and no reason not to start when it cannot be. */
import { readFileSync, statSync } from "node:fs";
import { z } from "zod";
import { writeWhole } from "../../../../runtime/whole-file.ts";
import { parseVersion } from "../protocol-version.ts";
import type { Peer } from "./peer.ts";
import { canonicalAddress, hostOf } from "./peer-host.ts";
import { PEERS_MAX } from "./peer-list.ts";

const BYTES_MAX = 4 * 1024 * 1024;

const Port = z.int().min(1).max(65_535).nullable();
const Stamp = z.number().min(0).nullable();
/** What a peer has said, or we of it, on its way to a terminal: without what moves a cursor. */
const Words = z
  .string()
  .max(300)
  .transform((text) => text.replace(/\p{C}+/gu, " "))
  .nullable();

const FileSchema = z.object({
  /** The list of another network is none of ours. */
  genesis: z.string().max(64),
  peers: z
    .array(
      z.object({
        host: z.string().max(253),
        tcp: Port,
        tls: Port,
        source: z.string().max(253),
        address: z
          .string()
          .refine((text) => canonicalAddress(text) === text, { params: { expected: "an address" } })
          .nullable(),
        verdict: z.enum(["new", "good", "unreachable", "bad"]),
        reason: Words,
        lastGoodMs: Stamp,
        lastTryMs: Stamp,
        failures: z.int().min(0),
        protocolMax: z
          .string()
          .refine((text) => parseVersion(text) !== undefined, { params: { expected: "a version" } })
          .nullable(),
        software: Words,
        pruning: z.int().min(1).nullable(),
      }),
    )
    .max(PEERS_MAX),
});

/** Empty when there is none. Rejects nothing: what is wrong with it comes back as `complaint`. */
export function readPeers(
  path: string,
  genesisHash: string,
  nowMs: number,
): { peers: Peer[]; complaint?: string } {
  try {
    const size = statSync(path, { throwIfNoEntry: false })?.size;
    if (size === undefined) return { peers: [] };
    if (size > BYTES_MAX) return { peers: [], complaint: "it is too large" };
    const { genesis, peers } = FileSchema.parse(JSON.parse(readFileSync(path, "utf8")));
    if (genesis !== genesisHash) return { peers: [], complaint: "it is of another network" };
    return {
      peers: peers.flatMap(({ host: text, tcp, tls, ...rest }) => {
        const host = hostOf(text);
        if (host === undefined) return [];
        const past = (stamp: number | null) => (stamp === null ? null : Math.min(stamp, nowMs));
        const stamps = { lastGoodMs: past(rest.lastGoodMs), lastTryMs: past(rest.lastTryMs) };
        return [{ ...rest, ...stamps, host, ports: { tcp, tls } }];
      }),
    };
  } catch (error) {
    return { peers: [], complaint: (error as Error).message.slice(0, 300) };
  }
}

export function writePeers(path: string, genesis: string, peers: readonly Peer[]): void {
  const kept = peers
    // What we say of ourselves may be something else tomorrow.
    .filter(({ source }) => source !== "self")
    .map(({ host, ports, ...rest }) => ({ host: host.text, ...ports, ...rest }));
  writeWhole(path, `${JSON.stringify({ genesis, peers: kept }, undefined, 1)}\n`);
}
