/** The doors and clients of one test, closed when it ends. */
import { type DoorOptions, DoorUnderTest } from "./door-under-test.ts";
import { RawClient, type TestCarrier } from "./raw-client.ts";

export class OpenedDoors {
  readonly #opened: { close(): Promise<void> | void }[] = [];

  /** With the carrier TCP unless others are wanted. */
  async doorWith(options: DoorOptions = {}): Promise<DoorUnderTest> {
    return this.keep(await DoorUnderTest.open({ carriers: ["tcp"], ...options }));
  }

  /** A client that has agreed on a version. */
  async clientOf(under: DoorUnderTest, carrier = firstOf(under)): Promise<RawClient> {
    return this.keep(await RawClient.greeted(under.target(carrier)));
  }

  /** One that has said nothing yet. */
  async strangerTo(under: DoorUnderTest, carrier = firstOf(under)): Promise<RawClient> {
    return this.keep(await RawClient.connect(under.target(carrier)));
  }

  keep<T extends { close(): Promise<void> | void }>(thing: T): T {
    this.#opened.push(thing);
    return thing;
  }

  /** The newest first. */
  async close(): Promise<void> {
    for (const thing of this.#opened.splice(0).reverse()) await thing.close();
  }
}

function firstOf(under: DoorUnderTest): TestCarrier {
  return under.targets.keys().next().value ?? "tcp";
}

/** The line with which a session begins. */
export function versionLine(asked: unknown, id: unknown = 1): string {
  return JSON.stringify({ jsonrpc: "2.0", id, method: "server.version", params: ["test", asked] });
}
