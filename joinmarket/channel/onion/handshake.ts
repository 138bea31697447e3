/** The first words on the onion channel: who a bot is, and whether a directory takes it. */
import { isRecord, parsedJson } from "./line.ts";
import { NOT_SERVING } from "./not-serving.ts";
import { isLocation } from "./peerlist.ts";

const APP_NAME = "joinmarket";
const PROTOCOL_VERSION = 5;
/** More is no list of features but an attack on whoever keeps it. */
const FEATURES_MAX = 32;
const FEATURE = /^[a-z0-9_]{1,64}$/;
const TEXT_LENGTH_MAX = 256;

/** The names of networks on the channel. */
export type ChannelNetwork = "mainnet" | "testnet" | "signet";

/** What bots on this chain call it: those of all test chains but signet say "testnet", private ones too. */
export function channelNetwork(network: string): ChannelNetwork {
  return network === "mainnet" || network === "signet" ? network : "testnet";
}

export interface BotHandshake {
  readonly nick: string;
  readonly network: string;
  /** `host:port`, or undefined of a bot that cannot be reached. */
  readonly location: string | undefined;
  readonly features: ReadonlySet<string>;
}

export interface DirectoryHandshake {
  readonly nick: string;
  readonly network: string;
  readonly isAccepted: boolean;
  /** Whether it speaks our version. */
  readonly isOurVersion: boolean;
  readonly features: ReadonlySet<string>;
  readonly motd: string;
}

/** What a bot writes to whatever it connects to, and to whoever connects to it. */
export function writeBotHandshake({ nick, network, location, features }: BotHandshake): string {
  return JSON.stringify({
    "app-name": APP_NAME,
    directory: false,
    "location-string": location ?? NOT_SERVING,
    "proto-ver": PROTOCOL_VERSION,
    features: featuresObject(features),
    nick,
    network,
  });
}

/** Nothing for what is malformed, of another version or no bot's. */
export function parseBotHandshake(text: string): BotHandshake | undefined {
  const fields = parsedJson(text);
  if (!isRecord(fields) || fields["directory"] !== false || !isOfApp(fields)) return undefined;
  if (fields["proto-ver"] !== PROTOCOL_VERSION) return undefined;
  const location = fields["location-string"];
  const common = commonFields(fields);
  if (common === undefined || typeof location !== "string") return undefined;
  // Some peers without a service leave it empty; whatever else is no address cannot be reached either.
  return { ...common, location: isLocation(location) ? location : undefined };
}

export function writeDirectoryHandshake(words: Omit<DirectoryHandshake, "isOurVersion">): string {
  return JSON.stringify({
    "app-name": APP_NAME,
    directory: true,
    "proto-ver-min": PROTOCOL_VERSION,
    "proto-ver-max": PROTOCOL_VERSION,
    features: featuresObject(words.features),
    accepted: words.isAccepted,
    nick: words.nick,
    network: words.network,
    motd: words.motd,
  });
}

export function parseDirectoryHandshake(text: string): DirectoryHandshake | undefined {
  const fields = parsedJson(text);
  if (!isRecord(fields) || fields["directory"] !== true || !isOfApp(fields)) return undefined;
  const { "proto-ver-min": least, "proto-ver-max": most, accepted, motd } = fields;
  const common = commonFields(fields);
  const isWhole = Number.isSafeInteger(least) && Number.isSafeInteger(most) && typeof accepted === "boolean";
  if (common === undefined || !isWhole) return undefined;
  return {
    ...common,
    isAccepted: accepted,
    isOurVersion: Number(least) <= PROTOCOL_VERSION && PROTOCOL_VERSION <= Number(most),
    motd: typeof motd === "string" ? motd : "",
  };
}

function isOfApp(fields: Record<string, unknown>): boolean {
  const name = fields["app-name"];
  return typeof name === "string" && name.toLowerCase() === APP_NAME;
}

function commonFields(fields: Record<string, unknown>) {
  const { nick, network, features } = fields;
  if (typeof nick !== "string" || typeof network !== "string" || !isRecord(features)) return undefined;
  if (nick.length > TEXT_LENGTH_MAX || network.length > TEXT_LENGTH_MAX) return undefined;
  const names = Object.entries(features).flatMap(([name, value]) =>
    // Only what is plainly true is promised.
    value === true && FEATURE.test(name) ? [name] : [],
  );
  return { nick, network, features: new Set(names.slice(0, FEATURES_MAX)) };
}

function featuresObject(features: ReadonlySet<string>): Record<string, true> {
  return Object.fromEntries([...features].sort().map((name) => [name, true] as const));
}
