/** One IRC server as a channel of the market: joinmarket-clientserver's bots are on them. */

import irc from "irc-framework";
import type { Clock, Timer } from "../../../runtime/clock.ts";
import type { HostPort } from "../../../runtime/config/config-values.ts";
import { JoinmarketError } from "../../errors.ts";
import { isNick } from "../../nick/nick.ts";
import type { Channel, ChannelListener } from "../channel.ts";
import type { ChannelStatus } from "../market.ts";
import { printable } from "../printable.ts";
import { privateLines, publicLines, Reassembly } from "./chunks.ts";
import { Pace } from "./pace.ts";
import { ircTransport } from "./transport.ts";

const LINE_PAUSE_MS = 1_300;
const NICK_RETRY_MS = 10_000;
const RETRY_FIRST_MS = 2_000;
const RETRY_MAX_MS = 300_000;
/** From the connection to being in the room; a nick that is still taken by our ghost needs a while. */
const ENTER_MS = 180_000;
const SEEN_MAX = 10_000;
const ROOMS: Readonly<Record<string, string>> = {
  mainnet: "#joinmarket-pit",
  signet: "#joinmarket-pit-sig",
};

export interface IrcChannelOptions {
  readonly server: HostPort;
  readonly isTls: boolean;
  readonly nick: string;
  /** `mainnet`, `signet`, `regtest`, … */
  readonly network: string;
  readonly socks: HostPort | undefined;
  readonly clock: Clock;
  /** To log in by, where the server asks for it (SASL). */
  readonly account?: { readonly name: string; readonly password: string };
  /** The certificate authority of a private server. */
  readonly authority?: string;
  /** Less than every server's patience only where the server is one's own. */
  readonly linePauseMs?: number;
}

/** The room where the bots of a network meet. */
export function roomOf(network: string): string {
  return ROOMS[network] ?? "#joinmarket-pit-test";
}

export class IrcChannel implements Channel {
  readonly id: string;
  readonly #options: IrcChannelOptions;
  readonly #room: string;
  readonly #pieces: Reassembly;
  readonly #pace: Pace;
  readonly #seen = new Set<string>();
  #hostid: string;
  #client: InstanceType<typeof irc.Client> | undefined;
  #listener: ChannelListener | undefined;
  #status: ChannelStatus;
  #timer: Timer | undefined;
  #nickTimer: Timer | undefined;
  #retryMs = RETRY_FIRST_MS;
  /** Why this connection will end, where it is known. */
  #fault: string | undefined;
  #isClosed = false;

  constructor(options: IrcChannelOptions) {
    this.#options = options;
    const { server, clock } = options;
    this.id = `irc:${server.host}`;
    this.#room = roomOf(options.network);
    this.#hostid = `${server.host}${server.port}`;
    this.#pieces = new Reassembly(clock);
    this.#pace = new Pace(clock, options.linePauseMs ?? LINE_PAUSE_MS, (line) => this.#client?.raw(line));
    this.#status = this.#statusOf("connecting");
  }

  get hostid(): string {
    return this.#hostid;
  }

  get isUp(): boolean {
    return this.#status.state === "up";
  }

  start(listener: ChannelListener): void {
    this.#listener = listener;
    this.#connect();
  }

  announce(commands: readonly string[], on = this.id): void {
    if (this.isUp && on === this.id) this.#pace.send(publicLines(this.#room, commands));
  }

  sees(nick: string): boolean {
    return this.isUp && this.#seen.has(nick);
  }

  tell(nick: string, signed: string): void {
    if (!this.sees(nick) || !this.#pace.send(privateLines(nick, signed))) {
      throw new JoinmarketError(
        { code: "JOINMARKET_PEER_GONE", nick },
        `${nick} cannot be told anything on ${this.id}.`,
      );
    }
  }

  statuses(): readonly ChannelStatus[] {
    return [this.#status];
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#stopTimers();
    this.#pace.clear();
    const client = this.#client;
    this.#client = undefined;
    client?.quit("");
  }

  #connect(): void {
    const { server, isTls, nick, socks, clock, account, authority } = this.#options;
    this.#tell("connecting");
    this.#fault = undefined;
    const client = new irc.Client({
      host: server.host,
      port: server.port,
      nick,
      // What joinmarket-clientserver's bots say: a name of our own would tell ours from theirs.
      username: "username",
      gecos: "btcint=bitcoin-rpc",
      version: "",
      auto_reconnect: false,
      ping_interval: 60,
      ping_timeout: 180,
      encoding: "utf8",
      ...(account === undefined
        ? {}
        : { account: { account: account.name, password: account.password }, sasl_disconnect_on_fail: true }),
      transport: ircTransport({
        server,
        isTls,
        socks,
        circuit: nick,
        ...(authority === undefined ? {} : { authority }),
      }),
    });
    this.#client = client;
    const ours = (run: (event: IrcEvent) => void) => (event: IrcEvent | undefined) => {
      if (this.#client === client) run(event ?? {});
    };
    client.on(
      "registered",
      ours(() => client.join(this.#room)),
    );
    client.on(
      "server options",
      ours(() => this.#onOptions(client.network.options["NETWORK"])),
    );
    client.on(
      "nick in use",
      ours(() => this.#onNickInUse()),
    );
    client.on(
      "join",
      ours(({ nick: who, channel }) => this.#onJoin(who, channel)),
    );
    client.on(
      "privmsg",
      ours((event) => this.#onMessage(event)),
    );
    client.on(
      "quit",
      ours(({ nick: who }) => this.#gone(who)),
    );
    client.on(
      "part",
      ours(({ nick: who }) => this.#gone(who)),
    );
    client.on(
      "kick",
      ours(({ kicked }) => this.#onKick(kicked)),
    );
    client.on(
      "nick",
      ours(({ nick: who }) => this.#gone(who)),
    );
    client.on(
      "sasl failed",
      ours(() => {
        this.#fault = "it does not take our account or its password";
      }),
    );
    client.on(
      "irc error",
      ours(({ reason, error }) => {
        // What the server says when it shows us out.
        if (error === "irc") this.#fault ??= `it says: ${printable(reason ?? "")}`;
      }),
    );
    client.on("socket close", (error?: Error | false) => {
      if (this.#client !== client) return;
      this.#onEnd(this.#fault ?? (error instanceof Error ? error.message : "it has hung up"));
    });
    this.#timer = clock.after(ENTER_MS, () => client.quit(""), { background: true });
    client.connect();
  }

  #onOptions(network: unknown): void {
    // A name with spaces or of any length could not be a part of what peers sign.
    if (typeof network === "string" && /^[\x21-\x7e]{1,64}$/.test(network)) this.#hostid = network;
  }

  #onNickInUse(): void {
    const { clock, nick } = this.#options;
    this.#nickTimer?.cancel();
    this.#nickTimer = clock.after(NICK_RETRY_MS, () => this.#client?.changeNick(nick), { background: true });
  }

  #onJoin(who: string | undefined, channel: string | undefined): void {
    if (who !== this.#options.nick || channel?.toLowerCase() !== this.#room) return;
    this.#timer?.cancel();
    this.#retryMs = RETRY_FIRST_MS;
    this.#client?.raw(`MODE ${who} +B`);
    this.#tell("up");
  }

  #onMessage({ nick, target, message }: IrcEvent): void {
    if (nick === undefined || message === undefined || !isNick(nick) || nick === this.#options.nick) return;
    if (target?.toLowerCase() === this.#room) {
      if (!this.#see(nick)) return;
      this.#listener?.onPublic(nick, message.replace(/ ~$/, ""));
    } else if (target === this.#options.nick) {
      // Nor would anybody hear that such a one has gone.
      if (!this.#hasRoom(nick)) return;
      const whole = this.#pieces.add(nick, message);
      if (whole === undefined) return;
      if (this.#listener?.onPrivate(nick, whole) === true) this.#see(nick);
    }
  }

  #see(nick: string): boolean {
    if (!this.#hasRoom(nick)) return false;
    this.#seen.add(nick);
    return true;
  }

  #hasRoom(nick: string): boolean {
    return this.#seen.size < SEEN_MAX || this.#seen.has(nick);
  }

  #gone(nick: string | undefined): void {
    if (nick === undefined) return;
    this.#pieces.forget(nick);
    if (this.#seen.delete(nick)) this.#listener?.onGone(nick);
  }

  #onKick(kicked: string | undefined): void {
    if (kicked === this.#options.nick) this.#client?.quit("");
    else this.#gone(kicked);
  }

  #onEnd(why: string): void {
    this.#client = undefined;
    this.#stopTimers();
    this.#pace.clear();
    for (const nick of [...this.#seen]) this.#gone(nick);
    if (this.#isClosed) return;
    this.#tell("down", why);
    const delayMs = this.#retryMs * (0.75 + Math.random() / 2);
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MAX_MS);
    this.#timer = this.#options.clock.after(delayMs, () => this.#connect(), { background: true });
  }

  #stopTimers(): void {
    this.#timer?.cancel();
    this.#nickTimer?.cancel();
  }

  #tell(state: ChannelStatus["state"], error?: string): void {
    this.#status = this.#statusOf(state, error);
    this.#listener?.onStatus(this.#status);
  }

  #statusOf(state: ChannelStatus["state"], error?: string): ChannelStatus {
    const since = this.#options.clock.now();
    return { id: this.id, kind: "irc", state, since, ...(error === undefined ? {} : { error }) };
  }
}

/** What the library tells of an event, as far as we look at it. */
interface IrcEvent {
  readonly nick?: string;
  readonly channel?: string;
  readonly target?: string;
  readonly message?: string;
  readonly kicked?: string;
  readonly error?: string;
  readonly reason?: string;
}
