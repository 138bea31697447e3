/** The mempool as an actor in this process, on a bus in memory, over any node. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type MempoolParts, mempoolWith } from "../../../actors/mempool/actor.ts";
import { mempoolStartSection } from "../../../actors/mempool/config.ts";
import { nodeParts } from "../../../actors/mempool/parts.ts";
import type { Actor, Readiness } from "../../../bus/actor.ts";
import type { Client } from "../../../bus/bus.ts";
import { ConnectedBus } from "../../../bus/connected-bus.ts";
import { type MempoolChange, mempoolContract } from "../../../bus/contracts/mempool.ts";
import { silentLog } from "../../../bus/fake.ts";
import { contextWith, releaseWorld } from "../actors/context.ts";
import type { World } from "../worlds.ts";

export interface NodePlace {
  readonly rpcUrl: string;
  readonly cookiePath: string;
}

export class MempoolUnderTest {
  readonly #world: World;
  readonly #asker: ConnectedBus;
  readonly #place: NodePlace;
  readonly directory = mkdtempSync(join(tmpdir(), "troupe-mempool-"));
  readonly reports: { readonly readiness: Readiness; readonly progress: string | undefined }[] = [];
  readonly changes: MempoolChange[] = [];
  readonly client: Client<typeof mempoolContract>;
  #actor: Actor | undefined;
  #bus: ConnectedBus | undefined;

  private constructor(world: World, asker: ConnectedBus, place: NodePlace) {
    this.#world = world;
    this.#asker = asker;
    this.#place = place;
    this.client = asker.client(mempoolContract);
  }

  /** A listener is there before the actor begins, so that nothing is missed. */
  static async make(place: NodePlace): Promise<MempoolUnderTest> {
    const world = await releaseWorld();
    const asker = new ConnectedBus(await world.connect("gateway"), { log: silentLog() });
    const made = new MempoolUnderTest(world, asker, place);
    await asker.onEvent(mempoolContract, "view.changed", (body) => void made.changes.push(body));
    await asker.flush();
    return made;
  }

  get isReady(): boolean {
    return this.reports.at(-1)?.readiness === "ready";
  }

  async start(parts: MempoolParts = nodeParts): Promise<void> {
    const bus = new ConnectedBus(await this.#world.connect("mempool"), {
      log: silentLog(),
      validateReplies: true,
    });
    const { rpcUrl, cookiePath } = this.#place;
    this.#bus = bus;
    this.#actor = mempoolWith(parts).create(
      contextWith({
        name: "mempool",
        config: mempoolStartSection.schema.parse({
          poll_ms: 50,
          node: { rpc: [rpcUrl], cookie_file: cookiePath },
        }),
        bus,
        dataDirectory: this.directory,
        report: (readiness, progress) => void this.reports.push({ readiness, progress }),
        finish: () => undefined,
      }),
    );
    await this.#actor.start();
  }

  async halt(): Promise<void> {
    await this.#actor?.stop();
    await this.#bus?.close();
    this.#actor = undefined;
  }

  async stop(): Promise<void> {
    await this.halt();
    await this.#asker.close();
    await this.#world.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
