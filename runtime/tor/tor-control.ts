/** A connection to Tor's control port (control-spec.txt): proves that we may read Tor's cookie, then asks for an onion service. */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import type { Clock, Timer } from "../clock.ts";
import type { HostPort } from "../config/config-values.ts";
import { TroupeError } from "../errors.ts";

const REPLY_DEADLINE_MS = 30_000;
const REPLY_BYTES_MAX = 64 * 1024;
const COOKIE_BYTES = 32;
/** control-spec.txt, 3.24. */
const SERVER_HASH_KEY = "Tor safe cookie authentication server-to-controller hash";
const CLIENT_HASH_KEY = "Tor safe cookie authentication controller-to-server hash";

export interface OnionAddress {
  /** Without `.onion`. */
  readonly serviceId: string;
  /** As Tor writes it, `ED25519-V3:…`: whoever has it is the service. */
  readonly privateKey: string;
}

export class TorControl {
  readonly #socket: Socket;
  readonly #clock: Clock;
  #text = "";
  /** Lines of the reply that is coming in. */
  #lines: string[] = [];
  #waiting: { resolve(lines: string[]): void; reject(error: Error): void; timer: Timer } | undefined;
  /** Resolves when the connection has ended: Tor then takes the service away. */
  readonly closed: Promise<void>;

  private constructor(socket: Socket, clock: Clock) {
    this.#socket = socket;
    this.#clock = clock;
    this.closed = new Promise((resolve) => {
      socket.once("close", () => {
        this.#fail("the connection has ended");
        resolve();
      });
    });
    // "close" follows.
    socket.on("error", () => undefined);
    socket.setEncoding("latin1");
    socket.on("data", (chunk: string) => this.#onData(chunk));
  }

  /** Connected and believed. Throws `RUNTIME_TOR_FAILED`. */
  static async open(address: HostPort, clock: Clock): Promise<TorControl> {
    const socket = connect(address);
    const control = new TorControl(socket, clock);
    try {
      await control.#authenticate();
      return control;
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  /** Offers a service that lives as long as this connection. Without a key Tor makes one, and the address with it. */
  async addOnion(privateKey: string | undefined, port: number, target: HostPort): Promise<OnionAddress> {
    if (privateKey !== undefined && !/^ED25519-V3:[A-Za-z0-9+/=]{88}$/.test(privateKey)) {
      throw failed("the file with the address' key holds none");
    }
    const lines = await this.#ask(
      `ADD_ONION ${privateKey ?? "NEW:ED25519-V3"} Port=${port},${target.host}:${target.port}`,
    );
    const serviceId = said(lines, "ServiceID");
    const key = said(lines, "PrivateKey") ?? privateKey;
    if (serviceId === undefined || !/^[a-z2-7]{56}$/.test(serviceId) || key === undefined) {
      throw failed("it has answered ADD_ONION without an address");
    }
    return { serviceId, privateKey: key };
  }

  close(): void {
    this.#socket.destroy();
  }

  async #authenticate(): Promise<void> {
    const info = await this.#ask("PROTOCOLINFO 1");
    const methods = /METHODS=([A-Z,]+)/.exec(info.join("\n"))?.[1]?.split(",") ?? [];
    if (methods.includes("NULL")) return void (await this.#ask("AUTHENTICATE"));
    const file = /COOKIEFILE="((?:[^"\\]|\\.)*)"/.exec(info.join("\n"))?.[1]?.replace(/\\(.)/g, "$1");
    if (!methods.includes("SAFECOOKIE") || file === undefined) {
      throw failed("it takes no cookie; write CookieAuthentication 1 into torrc");
    }
    await this.#proveCookie(readCookie(file));
  }

  /** Neither side sends the cookie, and each shows the other that it has it. */
  async #proveCookie(cookie: Buffer): Promise<void> {
    const ours = randomBytes(32);
    const [line = ""] = await this.#ask(`AUTHCHALLENGE SAFECOOKIE ${ours.toString("hex")}`);
    const [, serverHash = "", theirs = ""] =
      /SERVERHASH=([0-9A-F]{64}) SERVERNONCE=([0-9A-F]{64})/i.exec(line) ?? [];
    const secret = Buffer.concat([cookie, ours, Buffer.from(theirs, "hex")]);
    const expected = createHmac("sha256", SERVER_HASH_KEY).update(secret).digest();
    const given = Buffer.from(serverHash, "hex");
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
      throw failed("what listens there has another cookie than the file that it names");
    }
    await this.#ask(`AUTHENTICATE ${createHmac("sha256", CLIENT_HASH_KEY).update(secret).digest("hex")}`);
  }

  /** The lines of a good answer, without their codes. */
  #ask(command: string): Promise<string[]> {
    return new Promise((resolve, reject) => {
      if (this.#socket.destroyed) return reject(failed("the connection has ended"));
      const timer = this.#clock.after(REPLY_DEADLINE_MS, () => {
        this.#fail("it does not answer");
        this.#socket.destroy();
      });
      this.#waiting = { resolve, reject, timer };
      this.#socket.write(`${command}\r\n`);
    });
  }

  #onData(chunk: string): void {
    this.#text += chunk;
    for (let end = this.#text.indexOf("\r\n"); end >= 0; end = this.#text.indexOf("\r\n")) {
      const line = this.#text.slice(0, end);
      this.#text = this.#text.slice(end + 2);
      this.#onLine(line);
    }
    if (this.#text.length + this.#lines.length > REPLY_BYTES_MAX) {
      this.#fail("it says too much");
      this.#socket.destroy();
    }
  }

  #onLine(line: string): void {
    this.#lines.push(line.slice(4));
    // `250-` and `250+` go on, `250 ` ends.
    if (!/^\d{3} /.test(line)) return;
    const lines = this.#lines;
    this.#lines = [];
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.timer.cancel();
    if (line.startsWith("250")) waiting?.resolve(lines);
    else waiting?.reject(failed(`it says "${line.slice(0, 200)}"`));
  }

  #fail(why: string): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.timer.cancel();
    waiting?.reject(failed(why));
  }
}

function said(lines: readonly string[], name: string): string | undefined {
  return lines.find((line) => line.startsWith(`${name}=`))?.slice(name.length + 1);
}

function readCookie(path: string): Buffer {
  try {
    const cookie = readFileSync(path);
    if (cookie.length === COOKIE_BYTES) return cookie;
  } catch (error) {
    throw failed(
      `its cookie ${path} cannot be read (${(error as NodeJS.ErrnoException).code}); join Tor's group`,
    );
  }
  throw failed(`its cookie ${path} is not one`);
}

function failed(why: string): TroupeError {
  return new TroupeError(
    { code: "RUNTIME_TOR_FAILED", reason: why },
    `Tor's control port does not give us an onion service: ${why}. See control in the section [tor].`,
  );
}
