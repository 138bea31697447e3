/** The methods about headers and places in blocks. */
import { INDEXER_HEIGHT_MAX } from "../../../../bus/contracts/indexer.ts";
import { hasCode } from "../../../../runtime/errors.ts";
import { whenKnown } from "../asking/at-hand.ts";
import { clientFailure } from "../asking/failure.ts";
import { listOf, type ProvedHeaders } from "../chain/headers.ts";
import { EncodedJson } from "../encoded-json.ts";
import { type Method, method, optional, required } from "../method.ts";
import { badRequest, type ProtocolError } from "../protocol-error.ts";
import { compareVersions, type ProtocolVersion, version } from "../protocol-version.ts";
import { boolean, thousands, wholeNumber } from "./arguments.ts";
import type { ChainParts } from "./chain-parts.ts";

/** Clients count on at least this: it is one period of difficulty. */
const HEADERS_MAX = 2_016;
/** Blocks have far fewer, and the index takes no larger number for a question. */
const POSITION_MAX = 0xffff_ffff;
const COST_OF_PROOF = 1;
const HEADERS_PER_COST = 50;
const LIST_SINCE = version("1.6");
const LIST_BEGIN = Buffer.from('{"headers":[', "latin1");

export function blockMethods(parts: ChainParts): readonly Method[] {
  return [
    method({
      name: "blockchain.block.header",
      params: [required("height", wholeNumber), optional("cp_height", wholeNumber, 0)],
      cost: 0.25,
      handle: ([height, checkpoint], session) => {
        if (checkpoint === 0) return plainHeader(parts, height);
        session.charge(COST_OF_PROOF);
        return provedHeader(parts, height, checkpoint);
      },
    }),
    method({
      name: "blockchain.block.headers",
      params: [
        required("start_height", wholeNumber),
        required("count", wholeNumber),
        optional("cp_height", wholeNumber, 0),
      ],
      cost: 0,
      handle: ([start, count, checkpoint], session) => {
        const asked = Math.min(count, HEADERS_MAX);
        session.charge(asked / HEADERS_PER_COST + (checkpoint === 0 ? 0 : COST_OF_PROOF));
        return headerRun(parts, start, asked, checkpoint, session.version);
      },
    }),
    method({
      name: "blockchain.transaction.id_from_pos",
      params: [
        required("height", wholeNumber),
        required("tx_pos", wholeNumber),
        optional("merkle", boolean("merkle"), false),
      ],
      cost: 0.25,
      handle: ([height, position, merkle]) => transactionAt(parts, height, position, merkle),
    }),
  ];
}

async function plainHeader({ headers, log }: ChainParts, height: number): Promise<string> {
  const header = await headers.at(height).catch((error: unknown) => {
    throw clientFailure(error, "the index", log);
  });
  if (header === undefined) throw outOfRange(height);
  return header;
}

async function provedHeader(parts: ChainParts, height: number, checkpoint: number): Promise<unknown> {
  const { hex, proof } = await proved(parts, height, 1, checkpoint);
  return { branch: proof?.branch, header: hex, root: proof?.root };
}

async function headerRun(
  parts: ChainParts,
  start: number,
  count: number,
  checkpoint: number,
  agreed: ProtocolVersion,
): Promise<EncodedJson> {
  // Of a run that the chain cuts short the last header is the one to prove; beyond the tip there is nothing to prove.
  const present = Math.max(0, Math.min(count, (parts.feed.tip?.height ?? -1) + 1 - start));
  const isProved = checkpoint > 0 && present > 0;
  const isList = compareVersions(agreed, LIST_SINCE) >= 0;
  if (isList && !isProved) return listedRun(parts, start, count);
  const run: ProvedHeaders = isProved
    ? await proved(parts, start, present, checkpoint)
    : await parts.headers.run(start, count).catch((error: unknown) => {
        throw clientFailure(error, "the index", parts.log);
      });
  const proof =
    run.proof === undefined ? "" : `,"root":"${run.proof.root}","branch":${JSON.stringify(run.proof.branch)}`;
  const headers = isList ? `"headers":[${listOf(run.hex, run.count).slice(0, -1)}]` : `"hex":"${run.hex}"`;
  return new EncodedJson(`{${headers},"count":${run.count},"max":${HEADERS_MAX}${proof}}`);
}

async function listedRun(parts: ChainParts, start: number, count: number): Promise<EncodedJson> {
  const listed = await parts.headers.listed(start, count).catch((error: unknown) => {
    throw clientFailure(error, "the index", parts.log);
  });
  const end = Buffer.from(`],"count":${listed.count},"max":${HEADERS_MAX}}`, "latin1");
  return new EncodedJson([LIST_BEGIN, ...listed.parts, end]);
}

async function proved(
  { headers, feed, log }: ChainParts,
  start: number,
  count: number,
  checkpoint: number,
): Promise<ProvedHeaders> {
  const tipHeight = feed.tip?.height ?? -1;
  const last = start + count - 1;
  if (last > checkpoint || checkpoint > tipHeight) throw badCheckpoint(last, checkpoint, tipHeight);
  try {
    return await headers.proved(start, count, checkpoint);
  } catch (error) {
    // The chain has just become shorter.
    if (hasCode(error, "INDEXER_RANGE")) throw badCheckpoint(last, checkpoint, feed.tip?.height ?? -1);
    throw clientFailure(error, "the index", log);
  }
}

function transactionAt(
  { transactions, feed, log }: ChainParts,
  height: number,
  position: number,
  merkle: boolean,
): unknown {
  if (height > (feed.tip?.height ?? INDEXER_HEIGHT_MAX)) throw outOfRange(height);
  if (position > POSITION_MAX) throw noSuchPlace(height, position);
  return whenKnown(
    transactions.at(height, position, merkle),
    (found) => {
      if (found !== undefined) return merkle ? { tx_hash: found.txid, merkle: found.branch } : found.txid;
      if (height > (feed.tip?.height ?? -1)) throw outOfRange(height);
      throw noSuchPlace(height, position);
    },
    (error) => {
      throw clientFailure(error, "the index", log);
    },
  );
}

function noSuchPlace(height: number, position: number): ProtocolError {
  return badRequest(`no tx at position ${position} in block at height ${height}`);
}

function outOfRange(height: number): ProtocolError {
  return badRequest(`height ${thousands(height)} out of range`);
}

function badCheckpoint(height: number, checkpoint: number, tipHeight: number): ProtocolError {
  return badRequest(
    `require header height ${thousands(height)} <= cp_height ${thousands(checkpoint)} <= chain height ${thousands(tipHeight)}`,
  );
}
