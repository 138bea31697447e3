/** A hostile XMPP server before the whole XMPP door, by a real socket, with an honest person at it who must always be answered. */
import type { Socket } from "node:net";
import { element } from "../../../../actors/gateway/xmpp/link/element.ts";
import { serialise } from "../../../../actors/gateway/xmpp/link/serialise.ts";
import { Chance } from "../../electrum/hostile-input.ts";
import { waitFor } from "../../wait-for.ts";
import { DoorUnderTest } from "../door.ts";
import { ScriptedServer, type Speak } from "../scripted-server.ts";
import { type Attacked, COMPONENT } from "./attacked.ts";
import { HONEST, hostileStanzas } from "./hostile-stanzas.ts";

export interface XmppFuzzReport {
  readonly inputs: number;
  /** Streams that the door has opened. */
  readonly streams: number;
  /** Errors that it answered with. */
  readonly refused: number;
  readonly answered: number;
}

/** What is hostile between two questions of the honest one. */
const BATCH = 100;
const FLOOD = 2_000;
/** As often the hostile have coins again. */
const RESTORED_BATCHES = 10;
const COINS = { alice: 1_000_000, bob: 1_000, admin: 0, carol: 5_000 } as const;
/** Two of them are less than the door waits for the answer to its ping. */
const STEP_MS = 9_000;
/** An answer that has not come in so many steps does not come by this stream. */
const STEPS_MAX = 12;

export class XmppFuzz {
  readonly #chance: Chance;
  readonly #server: ScriptedServer;
  readonly #attacked: Attacked;
  #under!: DoorUnderTest;
  #greeting: Speak | undefined;
  /** Those that have been taken in. */
  readonly #accepted = new WeakSet<Socket>();
  /** Those that will not be. */
  readonly #greetings = new WeakMap<Socket, Speak>();
  #batches = 0;
  #asked = 0;
  #inputs = 0;
  #streams = 0;
  #refused = 0;
  #answered = 0;

  private constructor(seed: number, server: ScriptedServer, attacked: Attacked) {
    this.#attacked = attacked;
    this.#chance = new Chance(seed);
    this.#server = server;
  }

  static async start(seed: number, attacked: Attacked = COMPONENT): Promise<XmppFuzz> {
    const server = await ScriptedServer.start((socket, heard) => fuzz.#hear(socket, heard));
    const fuzz = new XmppFuzz(seed, server, attacked);
    server.server.on("connection", (socket) => fuzz.#connected(socket));
    fuzz.#under = await DoorUnderTest.start(
      { xmpp_server: `127.0.0.1:${server.port}`, ...attacked.config },
      true,
    );
    for (const [name, sat] of Object.entries(COINS)) fuzz.#under.bank.open(name, sat);
    await fuzz.#honestIsAnswered();
    return fuzz;
  }

  get report(): XmppFuzzReport {
    return {
      inputs: this.#inputs,
      streams: this.#streams,
      refused: this.#refused,
      answered: this.#answered,
    };
  }

  /** Throws when the honest one is not answered, coins have moved without a word of who has them, or the door has found a fault of its own. */
  async run(inputs: number, done: (count: number) => void = () => undefined): Promise<void> {
    const until = this.#inputs + inputs;
    while (this.#inputs < until) {
      const before = this.#inputs;
      await this.#batch();
      await this.#honestIsAnswered();
      this.#judge();
      if (++this.#batches % RESTORED_BATCHES === 0) this.#restore();
      done(this.#inputs - before);
    }
  }

  async close(): Promise<void> {
    await this.#under.stop();
    await this.#server.stop();
  }

  async #batch(): Promise<void> {
    const draw = this.#chance.below(100);
    if (draw < 58) return this.#send(Buffer.from(this.#stanzas().join("")));
    if (draw < 93) {
      const texts = this.#stanzas();
      const tricks = texts.map((text, at) =>
        at % 10 === 9 ? this.#attacked.xml(this.#chance, text) : Buffer.from(text),
      );
      return this.#send(Buffer.concat(tricks));
    }
    if (draw < 94) return this.#send(Buffer.from(this.#flood()));
    this.#inputs++;
    this.#greeting = this.#attacked.greeting(this.#chance);
    this.#server.sockets.at(-1)?.destroy();
    const before = this.#streams;
    // It tries again, more than once, and is let in.
    await this.#passing("the door to come back", () => this.#streams > before + this.#chance.below(2));
    this.#greeting = undefined;
  }

  #stanzas(): string[] {
    this.#inputs += BATCH;
    return hostileStanzas(BATCH, this.#chance.below(2 ** 31)).map((stanza) => serialise(stanza));
  }

  /** Much of one person, or of as many as it has stanzas. */
  #flood(): string {
    this.#inputs += FLOOD;
    const isOne = this.#chance.below(2) === 0;
    const body = this.#chance.one(["balance", "help", "pay bob 5 sat", "confirm code01"]);
    return Array.from({ length: FLOOD }, (_, at) => {
      const attrs = {
        from: `eve${isOne ? "" : at}@example.test/c`,
        to: this.#attacked.wallet,
        type: "chat",
        id: `f${at}`,
      };
      return serialise(element("message", "", attrs, element("body", "", {}, body)));
    }).join("");
  }

  /** In pieces that have nothing to do with what they are pieces of. */
  async #send(written: Buffer): Promise<void> {
    const bytes = this.#attacked.addressed(written);
    const most = this.#chance.one([40, 2_000, 60_000]);
    // The smallest for a part only: each is a turn of both sides.
    for (let at = 0, pieces = 0; at < bytes.length; pieces++) {
      const length = 1 + this.#chance.below(pieces < 200 ? most : 60_000);
      this.#server.write(bytes.subarray(at, at + length));
      at += length;
      if (this.#chance.below(3) === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Whatever came before: if the stream has ended by it, or hears nothing any more, by the next one. */
  async #honestIsAnswered(): Promise<void> {
    const ids = new Set<string>();
    let isAnswered = false;
    let heard = "";
    this.#ear = (text) => {
      heard += text;
      const pinged = [...heard.matchAll(/<iq [^>]*id="([^"]+)"[^>]*>/g)].some(
        ([tag, id]) => ids.has(id as string) && tag.includes('type="result"'),
      );
      isAnswered = pinged && /<message [^>]*to="carol@example\.test\/phone"/.test(heard);
    };
    let steps = STEPS_MAX;
    let asked: Socket | undefined;
    await this.#passing("the honest one to be answered", () => {
      if (isAnswered) return true;
      const socket = this.#server.sockets.at(-1);
      if (socket === undefined || !this.#accepted.has(socket)) return false;
      if (socket === asked && ++steps < STEPS_MAX) return false;
      asked = socket;
      steps = 0;
      const id = `honest${++this.#asked}`;
      ids.add(id);
      const from = `${HONEST}/phone`;
      const { gateway, wallet } = this.#attacked;
      const ping = `<iq type='get' from='${from}' to='${gateway}' id='${id}'><ping xmlns='urn:xmpp:ping'/></iq>`;
      const question = `<message type='chat' from='${from}' to='${wallet}' id='m${id}'><body>balance</body></message>`;
      socket.write(ping + question);
      return false;
    });
  }

  #ear: (text: string) => void = () => undefined;

  /** Time passes meanwhile, but none while the two greet each other: for that the door has no patience. */
  #passing(what: string, isTrue: () => boolean): Promise<void> {
    return waitFor(what, () => {
      const socket = this.#server.sockets.at(-1);
      const isGreeting =
        socket !== undefined &&
        !(socket.destroyed || this.#accepted.has(socket) || this.#greetings.has(socket));
      if (!isGreeting) this.#under.clock.advance(STEP_MS);
      return isTrue();
    });
  }

  #connected(socket: Socket): void {
    this.#streams++;
    if (this.#greeting !== undefined) this.#greetings.set(socket, this.#greeting);
  }

  #hear(socket: Socket, heard: string): void {
    this.#refused += heard.split('type="error"').length - 1;
    this.#answered += heard.split('type="result"').length - 1;
    this.#server.heard = "";
    const greeting = this.#greetings.get(socket);
    if (greeting !== undefined) return greeting(socket, heard);
    this.#attacked.accept(socket, heard);
    if (this.#attacked.isAccepted(heard)) {
      this.#accepted.add(socket);
      this.#server.sockets.splice(0, this.#server.sockets.indexOf(socket));
    }
    // What it asks the server, its pings too: there is an answer, and nothing in it.
    for (const [, id] of heard.matchAll(/<iq type="[gs]et"[^>]* to="example\.test"[^>]* id="([^"]+)"/g))
      socket.write(`<iq type='error' id='${id}' from='example.test' to='${this.#attacked.gateway}'/>`);
    this.#ear(heard);
  }

  #judge(): void {
    const { bank, errors } = this.#under;
    const faults = errors.filter((error) => !JSON.stringify(error).includes("BUS_"));
    if (faults.length > 0) throw new Error(`a fault of the door: ${JSON.stringify(faults[0])}`);
    errors.length = 0;
    const hers = bank.actor.calls.filter(
      ({ method, input }) =>
        ["order", "confirm", "leave", "close"].includes(method) && (input as { jid: string }).jid === HONEST,
    );
    if (hers.length > 0) throw new Error(`in her name: ${JSON.stringify(hers)}`);
    const hersSat = bank.account(HONEST).availableSat;
    if (hersSat < COINS.carol) throw new Error(`the honest one has ${hersSat} sat left`);
    const unconfirmed = [...bank.orders.values()].filter(
      ({ state, order, code, jid }) =>
        ["done", "broadcast"].includes(state) &&
        !bank.actor.calls.some(({ method, input }) => {
          const { jid: by, which } = input as { jid: string; which: { code?: string; order?: string } };
          return (
            method === "confirm" &&
            by === jid &&
            (which.order === order || which.code?.toLowerCase() === code)
          );
        }),
    );
    if (unconfirmed.length > 0) throw new Error(`booked, not confirmed: ${JSON.stringify(unconfirmed)}`);
  }

  #restore(): void {
    const { bank } = this.#under;
    const totalSat = [...bank.accounts.values()].reduce((sum, { availableSat }) => sum + availableSat, 0);
    const mostSat = Object.values(COINS).reduce((sum: number, sat) => sum + sat, 0);
    if (totalSat > mostSat) throw new Error(`coins have been made: ${totalSat} of ${mostSat} sat`);
    bank.forget();
    for (const [name, availableSat] of Object.entries(COINS))
      bank.change(`${name}@example.test`, { state: "open", availableSat });
  }
}
