/** The wallet door over a walletd that holds its wallets in memory: passwords, sessions, settings, freezes, nothing of a chain. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { metrics } from "@opentelemetry/api";
import type { z } from "zod";
import { gatewayStartSection } from "../../../actors/gateway/config.ts";
import { WalletApi } from "../../../actors/gateway/http/api/api.ts";
import { GatewayMetrics } from "../../../actors/gateway/metrics.ts";
import type { Handlers } from "../../../bus/bus.ts";
import { ConnectedBus } from "../../../bus/connected-bus.ts";
import type { RpcOutput } from "../../../bus/contract/contract.ts";
import type { Door } from "../../../bus/contracts/supervisor.ts";
import { walletdContract } from "../../../bus/contracts/walletd.ts";
import { type FakeActor, fakeActor, silentLog } from "../../../bus/fake.ts";
import type { Clock } from "../../../runtime/clock.ts";
import { TroupeError } from "../../../runtime/errors.ts";
import { contextWith, releaseWorld } from "../actors/context.ts";
import type { World } from "../worlds.ts";

type Walletd = typeof walletdContract;
type Coin = RpcOutput<Walletd, "coins">["coins"][number];

export interface WalletAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** Undefined when it is not JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look at whatever is in it
  readonly json: any;
}

export interface AskOptions {
  readonly method?: string;
  /** A text is sent as it is. */
  readonly body?: unknown;
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

interface HeldWallet {
  readonly password: string;
  readonly sessions: Set<string>;
  readonly settings: Record<string, string>;
  readonly frozen: Set<string>;
}

export interface WalletDoorOptions {
  readonly config?: Partial<z.input<typeof gatewayStartSection.schema>>;
  readonly clock?: Clock;
  readonly handlers?: Partial<Handlers<Walletd>>;
}

export const WORDS =
  "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";
export const TIP_HEIGHT = 121;

export class WalletDoor {
  readonly wallets = new Map<string, HeldWallet>();
  coins: Coin[] = [];
  grants: RpcOutput<Walletd, "status">["grants"] = [];
  isKnown = true;
  walletd!: FakeActor<Walletd>;
  doors: readonly Door[] = [];
  #api!: WalletApi;
  #bus!: ConnectedBus;
  world!: World;
  readonly #directory = mkdtempSync(join(tmpdir(), "troupe-wallet-door-"));

  static async start(options: WalletDoorOptions = {}): Promise<WalletDoor> {
    const made = new WalletDoor();
    made.world = await releaseWorld();
    made.walletd = await fakeActor(made.world, walletdContract, {
      ...made.#handlers(),
      ...options.handlers,
    });
    made.#bus = new ConnectedBus(await made.world.connect("gateway"), { log: silentLog() });
    const config = gatewayStartSection.schema.parse({
      wallet_listen: "127.0.0.1:0",
      wallet_guesses_per_minute: 1_000,
      ...options.config,
    });
    made.#api = new WalletApi(
      contextWith({
        name: "gateway",
        config,
        bus: made.#bus,
        dataDirectory: made.#directory,
        ...(options.clock !== undefined && { clock: options.clock }),
      }),
      new GatewayMetrics(metrics.getMeter("test"), () => []),
    );
    made.doors = await made.#api.open();
    return made;
  }

  get port(): number {
    return Number(new URL(this.doors[0]?.address ?? "").port);
  }

  /** `path` without `/api/v1` unless it begins elsewhere. */
  ask(path: string, options: AskOptions = {}): Promise<WalletAnswer> {
    const { method = options.body === undefined ? "GET" : "POST", body, token, headers } = options;
    const isElsewhere = /^\/(?:api|jam|obwatch|ws|static|assets|$)|^\/\?|^\/\.\./.test(path);
    const sent = body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const request = httpRequest(
        {
          host: "127.0.0.1",
          port: this.port,
          path: isElsewhere ? path : `/api/v1${path}`,
          method,
          headers: {
            ...(token !== undefined && { authorization: `Bearer ${token}` }),
            // Node tells the length of a body only with methods that usually have one.
            ...(sent !== undefined && { "content-length": String(Buffer.byteLength(sent)) }),
            ...headers,
          },
          agent: false,
        },
        (response) => {
          let text = "";
          response.setEncoding("utf8").on("data", (chunk: string) => {
            text += chunk;
          });
          response.once("end", () =>
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              text,
              json: jsonOf(text),
            }),
          );
        },
      );
      request.once("error", reject);
      request.end(sent);
    });
  }

  /** Makes a wallet and gives the pair of tokens. */
  async create(name = "rec.jmdat", password = "hunter2") {
    const { json } = await this.ask("/wallet/create", {
      body: { walletname: name, password, wallettype: "sw-fb" },
    });
    return json as { token: string; refresh_token: string; scope: string; seedphrase: string };
  }

  unlock(name = "rec.jmdat", password = "hunter2"): Promise<WalletAnswer> {
    return this.ask(`/wallet/${encodeURIComponent(name)}/unlock`, { body: { password } });
  }

  /** Locked, file still there. */
  hold(name: string, password = "hunter2"): void {
    this.wallets.set(name, { password, sessions: new Set(), settings: {}, frozen: new Set() });
  }

  /** As the operator, or walletd by itself, may. */
  lockElsewhere(name: string): void {
    this.wallets.get(name)?.sessions.clear();
  }

  async stop(): Promise<void> {
    await this.#api.close();
    await this.#bus.close();
    await this.walletd.stop();
    await this.world.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #open(name: string): { session: string; fingerprint: string } {
    const session = randomBytes(32).toString("hex");
    this.wallets.get(name)?.sessions.add(session);
    return { session, fingerprint: "00112233" };
  }

  #make(name: string, password: string): { session: string; fingerprint: string } {
    if (this.wallets.has(name)) throw refusal("WALLETD_FILE_EXISTS", name);
    this.hold(name, password);
    return this.#open(name);
  }

  #owned({ wallet, session }: { wallet: string; session: string }): HeldWallet {
    const held = this.wallets.get(wallet);
    if (held === undefined || !held.sessions.has(session)) throw refusal("WALLETD_NO_SESSION", wallet);
    return held;
  }

  #handlers(): Partial<Handlers<Walletd>> {
    const tip = { height: TIP_HEIGHT, hash: "0".repeat(64) };
    return {
      list: () => ({
        wallets: [...this.wallets].map(([wallet, { sessions }]) => ({
          wallet,
          form: "troupe" as const,
          isUnlocked: sessions.size > 0,
        })),
      }),
      create: ({ wallet, password }) => ({ ...this.#make(wallet, password), words: WORDS }),
      recover: ({ wallet, password, words }) => {
        const count = words.trim().split(/\s+/).length;
        if (count % 3 !== 0) {
          throw new TroupeError({ code: "WALLETD_WORDS", what: "count" }, "These are not 12 to 24 words.");
        }
        return this.#make(wallet, password);
      },
      unlock: ({ wallet, password }) => {
        const held = this.wallets.get(wallet);
        if (held === undefined) throw refusal("WALLETD_FILE_MISSING", wallet);
        if (held.password !== password) throw refusal("WALLETD_WRONG_PASSWORD", wallet);
        const wasUnlocked = held.sessions.size > 0;
        return { ...this.#open(wallet), wasUnlocked, form: "troupe" as const };
      },
      grant: (ask) => {
        this.#owned(ask);
        return { grant: "ab".repeat(32), id: "cd".repeat(8), expiresAtS: 2_000_000_000 };
      },
      revoke: (ask) => {
        this.#owned(ask);
        return { revoked: 1 };
      },
      lock: (ask) => {
        const held = this.#owned({ wallet: ask.wallet, session: ask.session ?? "" });
        held.sessions.clear();
        return { wasUnlocked: true };
      },
      revealSeed: (ask) => {
        this.#owned(ask);
        return { words: WORDS, passphrase: "" };
      },
      status: (ask) => {
        this.#owned(ask);
        return {
          wallet: ask.wallet,
          type: "bip84" as const,
          hasBonds: true,
          canSign: true,
          fingerprint: "00112233",
          clientserverId: "x",
          joinmarketNgId: "x",
          createdAtS: null,
          creationHeight: null,
          mixdepths: 5,
          gap: 6,
          sync: {
            isKnown: this.isKnown,
            isScanning: !this.isKnown,
            progress: this.isKnown ? 1 : 0.25,
            tip,
            scripts: 0,
            lookedUp: 0,
            transactions: 0,
            trouble: null,
          },
          reservations: 0,
          grants: this.grants,
        };
      },
      coins: (ask) => {
        const { frozen } = this.#owned(ask);
        const coins = this.coins
          .filter(({ mixdepth }) => ask.mixdepth === undefined || mixdepth === ask.mixdepth)
          .map((coin) => ({
            ...coin,
            isFrozen: coin.isFrozen || frozen.has(`${coin.txid}:${coin.index}`),
          }));
        return { tip, coins };
      },
      freeze: (ask) => {
        const { frozen } = this.#owned(ask);
        for (const { txid, index } of ask.outpoints) {
          if (ask.isFrozen) frozen.add(`${txid}:${index}`);
          else frozen.delete(`${txid}:${index}`);
        }
        return {};
      },
      settings: (ask) => ({
        settings: this.#owned(ask).settings,
        inForce: { "POLICY.gaplimit": "20", "POLICY.tx_fees": "3", "POLICY.tx_fees_factor": "0.2" },
      }),
      setSetting: (ask) => {
        const { settings } = this.#owned(ask);
        if (ask.value === null) delete settings[ask.key];
        else settings[ask.key] = ask.value;
        return {};
      },
      newAddress: (ask) => {
        this.#owned(ask);
        if (ask.mixdepth > 4) {
          throw new TroupeError(
            { code: "WALLETD_NO_SUCH_PLACE", what: "mixdepth" },
            "There are 5 mixdepths.",
          );
        }
        return { address: "bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppk", path: "m/84'/1'/0'/0/0" };
      },
      rescan: (ask) => {
        this.#owned(ask);
        this.isKnown = false;
        return {};
      },
    };
  }
}

/** A coin as walletd tells it; confirmed and worth 0.5 unless told otherwise. */
export function coinOf(given: Partial<Coin> = {}): Coin {
  return {
    txid: "ab".repeat(32),
    index: 0,
    amountSat: 50_000_000,
    address: "bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppk",
    path: "m/84'/1'/0'/0/0",
    mixdepth: 0,
    isInternal: false,
    height: TIP_HEIGHT,
    confirmations: 1,
    isFrozen: false,
    frozenBy: null,
    reservation: null,
    label: "",
    locktimeS: null,
    isCoinjoinOutput: false,
    commitmentsUsed: 0,
    commitmentsLeft: 3,
    ...given,
  };
}

function refusal(code: string, wallet: string): TroupeError {
  return new TroupeError({ code, wallet }, `The wallet ${wallet} says no (${code}).`);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The test looks at the text then.
    return undefined;
  }
}
