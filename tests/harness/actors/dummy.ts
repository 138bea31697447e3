/** An actor for tests of supervision: echoes, keeps a durable journal, breaks when told. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { z } from "zod";
import type { Actor, ActorContext, ActorDefinition } from "../../../bus/actor.ts";
import type { Service } from "../../../bus/bus.ts";
import { section } from "../../../runtime/config/section.ts";
import { Journal } from "../trees/journal.ts";
import { type DummyBreak, dummyContract } from "./dummy-contract.ts";

const schema = z.object({
  refuse_start: z.string().default("").describe("Refuse to start, with this reason."),
});

/** The answer of `break` has so long to leave. */
const BREAK_DELAY_MS = 5;

class Dummy implements Actor {
  readonly #context: ActorContext<z.output<typeof schema>>;
  readonly #epoch = randomBytes(8).toString("hex");
  #journal: Journal | undefined;
  #service: Service | undefined;

  constructor(context: ActorContext<z.output<typeof schema>>) {
    this.#context = context;
  }

  async start(): Promise<void> {
    const { config, bus, instance, dataDirectory } = this.#context;
    if (config.refuse_start !== "") throw new Error(config.refuse_start);
    const journal = new Journal(join(dataDirectory, "journal"));
    this.#journal = journal;
    this.#service = await bus.serve(
      dummyContract,
      {
        echo: ({ text }) => ({ text, epoch: this.#epoch }),
        append: ({ value }, { key }) => ({ line: journal.append(key ?? value, value) }),
        break: ({ how }) => {
          if (how === "finish") setTimeout(() => this.#context.finish(), BREAK_DELAY_MS);
          else if (how === "mute") setTimeout(() => void this.#service?.stop(), BREAK_DELAY_MS);
          else setTimeout(() => breakNow(how), BREAK_DELAY_MS);
          return {};
        },
      },
      { instance },
    );
    this.#context.openDoors([{ name: "echo", address: `bus:${instance}` }]);
  }

  async stop(): Promise<void> {
    await this.#service?.stop();
    this.#journal?.close();
  }

  suspend(): Promise<void> {
    this.#context.report("degraded", "suspended");
    return Promise.resolve();
  }

  resume(): Promise<void> {
    this.#context.report("ready", "resumed");
    return Promise.resolve();
  }
}

export const dummyActor: ActorDefinition<typeof schema> = {
  name: "dummy",
  section: section("dummy", "An actor for tests", schema),
  create: (context) => new Dummy(context),
};

function breakNow(how: Exclude<DummyBreak, "mute" | "finish">): void {
  switch (how) {
    case "throw":
      throw new Error("broken on purpose");
    case "rejection":
      void Promise.reject(new Error("rejected on purpose"));
      return;
    case "exit":
      process.exit(3);
      return;
    case "sigkill":
      process.kill(process.pid, "SIGKILL");
      return;
    case "loop":
      for (;;) Math.random();
  }
}
