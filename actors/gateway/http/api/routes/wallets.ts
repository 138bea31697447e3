/** Wallet files: which there are, making, opening and closing them. */
import { z } from "zod";
import { sleep } from "../../../../../runtime/clock.ts";
import { hasCode } from "../../../../../runtime/errors.ts";
import type { OpenWallet } from "../wallet/login.ts";
import { namesOf } from "../wallet/names.ts";
import { type Endpoint, endpoint, walletEndpoint } from "../wire/endpoint.ts";
import { Refusal, tokenRefusal } from "../wire/refusal.ts";
import type { RouteParts } from "./parts.ts";
import { TokenFields, WalletNameField, whole } from "./schemas.ts";

const TYPES = Object.freeze({
  sw: { type: "bip84", hasBonds: false },
  "sw-fb": { type: "bip84", hasBonds: true },
  "sw-legacy": { type: "bip49", hasBonds: false },
} as const);

const PasswordField = z.string().min(1).max(1_024);
const CreateBody = WalletNameField.extend({
  password: PasswordField,
  wallettype: z.enum(["sw", "sw-fb", "sw-legacy"]),
  /** Ours: 12 or 24 words, and words of one's own beside them. */
  word_count: z.union([z.literal(12), z.literal(24)]).optional(),
  passphrase: z.string().max(1_024).optional(),
});
const RecoverBody = CreateBody.omit({ word_count: true }).extend({
  seedphrase: z.string().min(1).max(1_000),
  creation_height: whole(0, 100_000_000).optional(),
  /** JoinMarket-NG's: how many unused addresses in a row end the search. */
  scan_range: whole(1, 10_000).optional(),
});
const NamedTokens = z.object({ walletname: z.string(), ...TokenFields });
const CREATED = {
  isGuess: true,
  status: 201,
  answer: NamedTokens.extend({ seedphrase: z.string() }),
  refusals: ["WalletAlreadyUnlocked", "WalletAlreadyExists", "BackendNotReady"],
} as const;
const PathName = z.object({ walletname: z.string().max(1_000) });

/** JAM asks for the coins as soon as a wallet is open and believes the first answer. */
const KNOWN_WITHIN_MS = 20_000;
const KNOWN_ASK_EVERY_MS = 50;

export function walletEndpoints(parts: RouteParts): Endpoint[] {
  const { walletd, login } = parts;
  return [
    endpoint("GET", "/api/v1/wallet/all", "listwallets", {
      doc: "The wallet files that are there.",
      answer: z.object({ wallets: z.array(z.string()) }),
      refusals: ["BackendNotReady"],
      handle: async () => {
        const { wallets } = await walletd.list({});
        return { wallets: wallets.map(({ wallet }) => wallet) };
      },
    }),
    endpoint("POST", "/api/v1/wallet/create", "createwallet", {
      doc: "Makes a wallet from new words and opens it.",
      body: CreateBody,
      ...CREATED,
      handle: ({ body }) =>
        whileNoneIsOpen(parts, async () => {
          const { walletname: wallet, password, wallettype, word_count, passphrase } = body;
          const made = await walletd.create({
            wallet,
            password,
            ...TYPES[wallettype],
            ...(word_count !== undefined && { wordCount: word_count }),
            ...(passphrase !== undefined && { passphrase }),
          });
          const open = { name: wallet, session: made.session };
          // Nothing can be in it; a client that saw it searched would let nobody receive until it asks again.
          await untilKnown(parts, open);
          return opened(parts, open, { seedphrase: made.words });
        }),
    }),
    endpoint("POST", "/api/v1/wallet/recover", "recoverwallet", {
      doc: "Makes a wallet from words that somebody has kept, and opens it.",
      body: RecoverBody,
      ...CREATED,
      handle: ({ body }) =>
        whileNoneIsOpen(parts, async () => {
          const { walletname: wallet, password, wallettype, seedphrase, passphrase } = body;
          const { creation_height: creationHeight, scan_range: gap } = body;
          const { session } = await walletd.recover({
            wallet,
            password,
            ...TYPES[wallettype],
            words: seedphrase,
            ...(passphrase !== undefined && { passphrase }),
            ...(creationHeight !== undefined && { creationHeight }),
            ...(gap !== undefined && { gap }),
          });
          return opened(parts, { name: wallet, session }, { seedphrase });
        }),
    }),
    endpoint("POST", "/api/v1/wallet/{walletname}/unlock", "unlockwallet", {
      doc: "Opens a wallet with its password. One that was open before is closed, unless it is the same.",
      isGuess: true,
      params: PathName,
      body: z.object({ password: PasswordField }),
      answer: NamedTokens,
      refusals: ["InvalidCredentials", "NoWalletFound", "LockExists", "BackendNotReady"],
      handle: ({ params, body }) =>
        login.inTurn(async () => {
          const wallet = await existing(parts, params.walletname);
          const { session } = await walletd.unlock({ wallet, password: body.password });
          const open = { name: wallet, session };
          await untilKnown(parts, open);
          return opened(parts, open, {});
        }),
    }),
    endpoint("GET", "/api/v1/wallet/{walletname}/lock", "lockwallet", {
      doc: "Closes the wallet. Every token is worth nothing any more.",
      access: "token",
      params: PathName,
      answer: z.object({ walletname: z.string(), already_locked: z.boolean() }),
      handle: ({ params, wallet }) =>
        login.inTurn(async () => {
          if (wallet === undefined || !namesOf(params.walletname).includes(wallet.name)) {
            throw new Refusal("InvalidRequestFormat");
          }
          const { wasUnlocked } = await walletd.lock({ wallet: wallet.name, session: wallet.session });
          login.closed(wallet.name);
          return { walletname: wallet.name, already_locked: !wasUnlocked };
        }),
    }),
    walletEndpoint("GET", "/getseed", "getseed", {
      doc: "The wallet's words, where `seed_over_http` in [walletd] allows it.",
      answer: z.object({ seedphrase: z.string() }),
      refusals: ["ActionNotAllowed", "BackendNotReady"],
      handle: async ({ wallet: { name, session } }) => {
        const { words } = await walletd.revealSeed({ wallet: name, session });
        return { seedphrase: words };
      },
    }),
  ];
}

function whileNoneIsOpen<T>({ login }: RouteParts, task: () => Promise<T>): Promise<T> {
  return login.inTurn(() => {
    if (login.open !== undefined) throw new Refusal("WalletAlreadyUnlocked");
    return task();
  });
}

async function opened<T extends object>({ login }: RouteParts, wallet: OpenWallet, more: T) {
  const pair = await login.opened(wallet);
  return { walletname: wallet.name, ...more, ...pair };
}

/** The wallet that a path means; the likelier name when there is neither. */
async function existing({ walletd }: RouteParts, parameter: string): Promise<string> {
  const [first, second] = namesOf(parameter);
  if (first === undefined) throw new Refusal("InvalidRequestFormat");
  if (second === undefined) return first;
  const { wallets } = await walletd.list({});
  const isThere = (name: string) => wallets.some(({ wallet }) => wallet === name);
  return !isThere(first) && isThere(second) ? second : first;
}

/** Waits until the wallet knows its coins, within reason: `session` tells those who come back how it goes on. */
async function untilKnown({ walletd, clock }: RouteParts, { name, session }: OpenWallet): Promise<void> {
  const giveUpMs = clock.monotonicMs() + KNOWN_WITHIN_MS;
  while (clock.monotonicMs() < giveUpMs) {
    try {
      const { sync } = await walletd.status({ wallet: name, session });
      if (sync.isKnown) return;
    } catch (error) {
      // Locked again by somebody else: not a failure of ours, but nothing was opened.
      if (hasCode(error, "WALLETD_NO_SESSION")) throw tokenRefusal("invalid");
      throw error;
    }
    await sleep(clock, KNOWN_ASK_EVERY_MS);
  }
}
