/** An IRC server of a hundred lines for tests: it asks for a SASL login where it shall, and writes down what it was told and when. */
import { createServer, type Server, type Socket } from "node:net";

export interface SmallIrcOptions {
  /** Whoever does not log in as this one is turned away. */
  readonly account?: { readonly name: string; readonly password: string };
  /** Taken by somebody else. */
  readonly takenNicks?: Set<string>;
}

export class SmallIrcServer {
  /** Every line of every client, in the order in which they came. */
  readonly said: string[] = [];
  /** Logins that were tried: `name:password`. */
  readonly logins: string[] = [];
  readonly #options: SmallIrcOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(options: SmallIrcOptions) {
    this.#options = options;
    this.#server = createServer((socket) => this.#onClient(socket));
  }

  static async start(options: SmallIrcOptions = {}): Promise<SmallIrcServer> {
    const made = new SmallIrcServer(options);
    await new Promise<void>((resolve) => made.#server.listen(0, "127.0.0.1", resolve));
    return made;
  }

  get address(): { host: string; port: number } {
    const { port } = this.#server.address() as { port: number };
    return { host: "127.0.0.1", port };
  }

  /** As if it came from the network: to all that are in. */
  tell(line: string): void {
    for (const socket of this.#sockets) socket.write(`${line}\r\n`);
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #onClient(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => undefined).once("close", () => this.#sockets.delete(socket));
    const client = { nick: "*", hasUser: false, isNegotiating: false, isLoggedIn: false, isIn: false };
    const say = (line: string) => socket.write(`:irc.small.test ${line}\r\n`);
    let rest = "";
    socket.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\r\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.#onLine(line, client, say, socket);
    });
  }

  #onLine(line: string, client: Client, say: (line: string) => void, socket: Socket): void {
    this.said.push(line);
    const [command = "", ...words] = line.split(" ");
    const { account, takenNicks } = this.#options;
    const own = () => `${client.nick}!user@host`;
    if (command === "CAP" && words[0] === "LS") {
      client.isNegotiating = true;
      say(`CAP * LS :${account === undefined ? "" : "sasl"}`);
    } else if (command === "CAP" && words[0] === "REQ") say(`CAP * ACK :${line.split(":")[1] ?? ""}`);
    else if (command === "CAP" && words[0] === "END") client.isNegotiating = false;
    else if (command === "AUTHENTICATE") this.#onLogin(words[0] ?? "", client, say);
    else if (command === "USER") client.hasUser = true;
    else if (command === "NICK") {
      const wish = (words[0] ?? "").replace(/^:/, "");
      if (takenNicks?.has(wish)) say(`433 ${client.nick} ${wish} :Nickname is already in use`);
      else client.nick = wish;
    } else if (command === "JOIN") socket.write(`:${own()} JOIN ${words[0]}\r\n`);
    else if (command === "PING") say(`PONG irc.small.test ${words[0] ?? ""}`);
    const isReady = client.nick !== "*" && client.hasUser && !client.isNegotiating && !client.isIn;
    if (!isReady) return;
    if (account !== undefined && !client.isLoggedIn) {
      socket.end("ERROR :You need to be identified to an account\r\n");
      return;
    }
    client.isIn = true;
    say(`001 ${client.nick} :Welcome`);
    say(`005 ${client.nick} NETWORK=SmallNet CASEMAPPING=ascii :are supported by this server`);
    say(`376 ${client.nick} :End of MOTD`);
  }

  #onLogin(word: string, client: Client, say: (line: string) => void): void {
    if (word === "PLAIN") return say("AUTHENTICATE +");
    const [, name = "", password = ""] = Buffer.from(word, "base64").toString("utf8").split("\0");
    this.logins.push(`${name}:${password}`);
    const { account } = this.#options;
    client.isLoggedIn = name === account?.name && password === account.password;
    if (client.isLoggedIn) {
      say(`900 ${client.nick} ${client.nick}!user@host ${name} :You are now logged in`);
      say(`903 ${client.nick} :SASL authentication successful`);
    } else say(`904 ${client.nick} :SASL authentication failed`);
  }
}

interface Client {
  nick: string;
  hasUser: boolean;
  isNegotiating: boolean;
  isLoggedIn: boolean;
  isIn: boolean;
}
