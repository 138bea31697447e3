/** The directory node as an actor. Wiring only. */
import { join } from "node:path";
import type { z } from "zod";
import type { Actor, ActorContext, ActorDefinition } from "../../bus/actor.ts";
import type { Publisher, Service } from "../../bus/bus.ts";
import { type DirectoryStatus, directoryContract } from "../../bus/contracts/directory.ts";
import { channelNetwork } from "../../joinmarket/channel/onion/handshake.ts";
import type { Timer } from "../../runtime/clock.ts";
import { parseHostPort } from "../../runtime/config/config-values.ts";
import { assert, TroupeError } from "../../runtime/errors.ts";
import { OnionService } from "../../runtime/tor/onion-service.ts";
import { directoryAnswers } from "./answers.ts";
import { directoryStartSection } from "./config.ts";
import { Directory } from "./door.ts";
import { DirectoryMetrics } from "./metrics.ts";

type DirectoryContext = ActorContext<z.output<typeof directoryStartSection.schema>>;

const MINUTE_MS = 60_000;
/** Where bots expect a directory behind an onion address. */
const ONION_PORT = 5_222;
/** Hundreds may come at once after an outage: they are told of together. */
const TELL_MS = 500;

export const directory: ActorDefinition<typeof directoryStartSection.schema> = {
  name: "directory",
  section: directoryStartSection,
  create: (context) => new DirectoryActor(context),
};

class DirectoryActor implements Actor {
  readonly #context: DirectoryContext;
  #directory: Directory | undefined;
  #service: Service | undefined;
  #onion: OnionService | undefined;
  #publisher: Publisher<typeof directoryContract> | undefined;
  #telling: Timer | undefined;

  constructor(context: DirectoryContext) {
    this.#context = context;
  }

  async start(): Promise<void> {
    const { config, clock, meter, network, bus, log } = this.#context;
    const listen = parseHostPort(config.listen);
    assert(listen !== undefined, "the configuration's addresses have been checked");
    const metrics = new DirectoryMetrics(meter, () => this.#figures());
    const name = channelNetwork(network);
    const made = new Directory({
      ...config,
      listen,
      publicAddress: config.public_address,
      // Bots of one private chain have two words for it.
      networks: network === "regtest" ? [name, "regtest"] : [name],
      nickAuth: config.nick_auth,
      botsMax: config.bots_max,
      botsPerAddressMax: config.bots_per_address_max,
      banMs: config.ban_minutes * MINUTE_MS,
      bansPath: join(this.#context.dataDirectory, "bans.json"),
      idleMs: config.idle_seconds * 1_000,
      clock,
      metrics,
      onChange: () => this.#tellSoon(),
    });
    await made.start();
    this.#directory = made;
    this.#publisher = bus.publisher(directoryContract);
    const answers = directoryAnswers({
      directory: made,
      clock,
      startedMs: clock.monotonicMs(),
      botsMax: config.bots_max,
      perMinute: {
        orderbook: config.orderbook_per_minute,
        public: config.public_per_minute,
        private: config.private_per_minute,
      },
      status: () => this.#status(made),
      tally: () => metrics.tally,
    });
    this.#service = await bus.serve(directoryContract, answers, { publisher: this.#publisher });
    log.info("bots may come in", { address: made.address, nick: made.nick, network: name });
    this.#openDoors(undefined);
    this.#tell();
    if (config.onion) this.#openOnion(made, listen.host);
  }

  /** Does not wait for Tor, which may come later. */
  #openOnion(made: Directory, host: string): void {
    const { config, clock, log, dataDirectory } = this.#context;
    const control = config.tor_control === undefined ? undefined : parseHostPort(config.tor_control);
    if (control === undefined) {
      throw new TroupeError(
        { code: "DIRECTORY_TOR_UNSET" },
        "onion in the section [directory] needs Tor's control port. Set control in the section [tor], such as 127.0.0.1:9051.",
      );
    }
    const isEverywhere = host === "0.0.0.0" || host === "::";
    this.#onion = new OnionService({
      control,
      port: ONION_PORT,
      target: { host: isEverywhere ? "127.0.0.1" : host, port: parseHostPort(made.address)?.port ?? 0 },
      keyFile: join(dataDirectory, "onion.key"),
      clock,
      log,
      changed: (address) => this.#onionChanged(made, address),
    });
    void this.#onion.start();
  }

  #onionChanged(made: Directory, address: string | undefined): void {
    const place = address === undefined ? undefined : `${address}:${ONION_PORT}`;
    // Who proves its nick does so for the name that it has dialled.
    if (place !== undefined) made.publicAddress = this.#context.config.public_address ?? place;
    this.#openDoors(place);
  }

  #openDoors(onion: string | undefined): void {
    const doc = `JoinMarket's directory node on ${this.#context.network}: makers and takers meet here.`;
    const through = "The same through Tor: the address that bots put into their settings.";
    this.#context.openDoors([
      { name: "directory", address: this.#directory?.address ?? "", doc },
      ...(onion === undefined ? [] : [{ name: "directory onion", address: onion, doc: through }]),
    ]);
  }

  async stop(): Promise<void> {
    this.#telling?.cancel();
    this.#onion?.stop();
    await this.#service?.stop();
    await this.#directory?.stop();
    await this.#publisher?.stop();
  }

  #figures() {
    const bots = this.#directory?.bots;
    return {
      bots: bots?.count ?? 0,
      serving: bots?.serving ?? 0,
      proven: bots?.proven ?? 0,
      banned: this.#directory?.bans.size ?? 0,
    };
  }

  #status({ address, nick }: Directory): DirectoryStatus {
    return { address, nick, ...this.#figures() };
  }

  #tellSoon(): void {
    this.#telling ??= this.#context.clock.after(TELL_MS, () => this.#tell(), { background: true });
  }

  #tell(): void {
    this.#telling = undefined;
    const made = this.#directory;
    if (made === undefined) return;
    const status = this.#status(made);
    this.#publisher?.state("status", status);
    this.#context.report("ready", presenceText(status));
  }
}

/** For the tree and the page: how many are inside, and what else an owner would want to know. */
function presenceText({ bots, serving, banned }: { bots: number; serving: number; banned: number }): string {
  const inside =
    bots === 0 ? "nobody inside" : `${bots} ${bots === 1 ? "maker or taker" : "makers and takers"} inside`;
  const direct = serving === 0 ? "" : `, ${serving} reached directly`;
  return `${inside}${direct}${banned === 0 ? "" : `, ${banned} banned`}`;
}
