/** The directory node as an actor. Wiring only. */
import { join } from "node:path";
import type { z } from "zod";
import type { Actor, ActorContext, ActorDefinition } from "../../bus/actor.ts";
import type { Publisher, Service } from "../../bus/bus.ts";
import { type DirectoryStatus, directoryContract } from "../../bus/contracts/directory.ts";
import { channelNetwork } from "../../joinmarket/channel/onion/handshake.ts";
import type { Timer } from "../../runtime/clock.ts";
import { parseHostPort } from "../../runtime/config/config-values.ts";
import { assert } from "../../runtime/errors.ts";
import { directoryAnswers } from "./answers.ts";
import { directorySection } from "./config.ts";
import { Directory } from "./door.ts";
import { DirectoryMetrics } from "./metrics.ts";

type DirectoryContext = ActorContext<z.output<typeof directorySection.schema>>;

const MINUTE_MS = 60_000;
/** Hundreds may come at once after an outage: they are told of together. */
const TELL_MS = 500;

export const directory: ActorDefinition<typeof directorySection.schema> = {
  name: "directory",
  section: directorySection,
  create: (context) => new DirectoryActor(context),
};

class DirectoryActor implements Actor {
  readonly #context: DirectoryContext;
  #directory: Directory | undefined;
  #service: Service | undefined;
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
    this.#context.openDoors([
      {
        name: "directory",
        address: made.address,
        doc: `JoinMarket's directory node on ${network}: makers and takers meet here.`,
      },
    ]);
    this.#tell();
  }

  async stop(): Promise<void> {
    this.#telling?.cancel();
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
