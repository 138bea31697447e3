/** Tor's control port as far as an onion service needs it: proves and demands the cookie as control-spec.txt says, and keeps services while their connection lasts. */
import { createHmac, randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";

export interface OfferedService {
  readonly key: string;
  readonly ports: string;
}

export class FakeTor {
  readonly port: number;
  /** What is offered now. */
  readonly services = new Map<Socket, OfferedService>();
  /** Every line that a controller has said. */
  readonly said: string[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  /** `knows`: the cookie that this Tor has, when that is not the one in the file. */
  static async start(directory: string, options: { knows?: Buffer; port?: number } = {}): Promise<FakeTor> {
    const cookie = randomBytes(32);
    const path = join(directory, 'control "auth" cookie');
    writeFileSync(path, cookie);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(options.port ?? 0, "127.0.0.1", resolve));
    const fake = new FakeTor(server, (server.address() as { port: number }).port);
    server.on("connection", (socket) => fake.#serve(socket, options.knows ?? cookie, path));
    return fake;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(socket: Socket, cookie: Buffer, path: string): void {
    this.#sockets.add(socket);
    let secret = Buffer.alloc(0);
    let isBelieved = false;
    const answer = (...lines: string[]) => socket.write(lines.map((line) => `${line}\r\n`).join(""));
    const proof = (key: string) => createHmac("sha256", key).update(secret).digest("hex").toUpperCase();
    socket.on("error", () => undefined);
    socket.once("close", () => {
      this.#sockets.delete(socket);
      this.services.delete(socket);
    });
    let text = "";
    socket.setEncoding("latin1").on("data", (chunk: string) => {
      text += chunk;
      const lines = text.split("\r\n");
      text = lines.pop() ?? "";
      for (const line of lines) {
        this.said.push(line);
        const [command = "", ...words] = line.split(" ");
        if (command === "PROTOCOLINFO") {
          const quoted = path.replace(/["\\]/g, "\\$&");
          answer(
            "250-PROTOCOLINFO 1",
            `250-AUTH METHODS=COOKIE,SAFECOOKIE COOKIEFILE="${quoted}"`,
            '250-VERSION Tor="0.4.8.1"',
            "250 OK",
          );
        } else if (command === "AUTHCHALLENGE") {
          const nonce = randomBytes(32);
          secret = Buffer.concat([cookie, Buffer.from(words[1] ?? "", "hex"), nonce]);
          const hash = proof("Tor safe cookie authentication server-to-controller hash");
          answer(`250 AUTHCHALLENGE SERVERHASH=${hash} SERVERNONCE=${nonce.toString("hex").toUpperCase()}`);
        } else if (command === "AUTHENTICATE") {
          isBelieved =
            words[0]?.toUpperCase() === proof("Tor safe cookie authentication controller-to-server hash");
          answer(isBelieved ? "250 OK" : "515 Authentication failed: wrong response");
        } else if (command === "ADD_ONION" && isBelieved) {
          const [asked = "", ports = ""] = words;
          const isNew = asked === "NEW:ED25519-V3";
          const key = isNew ? `ED25519-V3:${randomBytes(64).toString("base64")}` : asked;
          this.services.set(socket, { key, ports });
          answer(
            `250-ServiceID=${"a".repeat(55)}${isNew ? "b" : "c"}`,
            ...(isNew ? [`250-PrivateKey=${key}`] : []),
            "250 OK",
          );
        } else answer("510 Unrecognized command");
      }
    });
  }
}
