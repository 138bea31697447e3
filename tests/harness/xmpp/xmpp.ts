/** The XMPP door in this process, as a component or an account of a real Prosody. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gatewayStartSection } from "../../../actors/gateway/config.ts";
import { Xmpp } from "../../../actors/gateway/xmpp/xmpp.ts";
import type { Bus } from "../../../bus/bus.ts";
import { ConnectedBus } from "../../../bus/connected-bus.ts";
import { silentLog } from "../../../bus/fake.ts";
import type { Log } from "../../../runtime/log/log.ts";
import { contextWith, releaseWorld } from "../actors/context.ts";
import { waitFor } from "../wait-for.ts";
import { FakeBank } from "./bank/fake-bank.ts";
import { Person } from "./person.ts";
import { COMPONENT_DOMAIN, COMPONENT_SECRET, Prosody, type ProsodyOptions, XMPP_DOMAIN } from "./prosody.ts";

/** The account that the door has in the mode bot. */
export const BOT_NAME = "bank";

export interface DoorOptions extends ProsodyOptions {
  readonly mode?: "component" | "bot";
}

/** The door over any bus, with a bank behind it or none. */
export class XmppUnderTest {
  readonly prosody: Prosody;
  /** What the door has written into its log, at whatever level. */
  readonly told: string[] = [];
  readonly #people: Person[] = [];
  readonly #directory = mkdtempSync(join(tmpdir(), "troupe-xmpp-"));
  readonly #xmpp: Xmpp;

  private constructor(prosody: Prosody, bus: Bus, mode: "component" | "bot") {
    this.prosody = prosody;
    const secretFile = join(this.#directory, "secret");
    const isBot = mode === "bot";
    writeFileSync(secretFile, isBot ? `pw-${BOT_NAME}` : COMPONENT_SECRET, { mode: 0o600 });
    const note = (message: string) => void this.told.push(message);
    const log: Log = { debug: note, info: note, warn: note, error: note, child: () => log };
    this.#xmpp = new Xmpp(
      contextWith({
        name: "gateway",
        config: gatewayStartSection.schema.parse({
          xmpp_mode: mode,
          xmpp_server: `127.0.0.1:${isBot ? prosody.clientPort : prosody.componentPort}`,
          ...(isBot ? { xmpp_account: `${BOT_NAME}@${XMPP_DOMAIN}` } : { xmpp_domain: COMPONENT_DOMAIN }),
          xmpp_secret_file: secretFile,
        }),
        bus,
        dataDirectory: this.#directory,
        log,
      }),
    );
  }

  static async start(program: string, options: DoorOptions, bus: Bus): Promise<XmppUnderTest> {
    const { mode = "component", accounts } = options;
    const all = mode === "bot" ? [BOT_NAME, ...accounts] : accounts;
    const prosody = await Prosody.start(program, { ...options, accounts: all });
    const under = new XmppUnderTest(prosody, bus, mode);
    await under.#xmpp.open();
    await under.online();
    return under;
  }

  /** Until the door was accepted by the server so many times. */
  async online(times = 1): Promise<void> {
    const accepted = () => this.told.filter((message) => message.includes("has taken us in")).length;
    await waitFor("the XMPP link", () => accepted() >= times);
  }

  /** A resource for each: the server lets a new client push out an old one of the same, which would come back and push too. */
  async person(name: string, resource = `phone${this.#people.length}`): Promise<Person> {
    const person = await Person.online(name, this.prosody, resource);
    this.#people.push(person);
    return person;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#people.map((person) => person.offline().catch(() => undefined)));
    await this.#xmpp.close();
    await this.prosody.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** The door with a bank of the tests' own. */
export class XmppWithFakeBank {
  readonly door: XmppUnderTest;
  readonly bank: FakeBank;
  readonly #rest: () => Promise<void>;

  private constructor(door: XmppUnderTest, bank: FakeBank, rest: () => Promise<void>) {
    this.door = door;
    this.bank = bank;
    this.#rest = rest;
  }

  static async start(program: string, options: DoorOptions): Promise<XmppWithFakeBank> {
    const world = await releaseWorld();
    const bus = new ConnectedBus(await world.connect("gateway"), { log: silentLog(), instance: "box" });
    const bank = await FakeBank.start(world);
    const door = await XmppUnderTest.start(program, options, bus);
    return new XmppWithFakeBank(door, bank, async () => {
      await bus.close();
      await bank.actor.stop();
      await world.stop();
    });
  }

  async stop(): Promise<void> {
    await this.door.stop();
    await this.#rest();
  }
}
