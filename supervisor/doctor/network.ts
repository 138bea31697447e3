/** The doctor's look at sockets: are the doors' ports free, does Tor answer, does the bus. */
import { existsSync } from "node:fs";
import { connect, createServer } from "node:net";
import { delimiter, join } from "node:path";
import { type Finding, fail, ok, warn } from "./finding.ts";

/** A listener that the configuration asks for. */
export interface WantedDoor {
  /** `gateway http`. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** The key to change, `[gateway] http_listen`. */
  readonly key: string;
}

const DIAL_DEADLINE_MS = 2_000;
/** Long enough for Tor's PROTOCOLINFO, which is three lines. */
const REPLY_BYTES_MAX = 4_096;

/** With a supervisor running, `openAddresses` are the doors that it holds itself. */
export async function checkDoor(door: WantedDoor, openAddresses: ReadonlySet<string>): Promise<Finding> {
  const check = `door ${door.name}`;
  const address = `${door.host}:${door.port}`;
  if (door.port === 0) return ok(check, `${door.host}, on whatever port is free`);
  if (openAddresses.has(address)) return ok(check, `${address}, open`);
  const refusal = await listenRefusal(door.host, door.port);
  if (refusal === undefined) return ok(check, `${address} is free`);
  if (refusal === "EADDRINUSE") {
    return fail(check, `${address} is in use by another program`, `stop that program, or change ${door.key}`);
  }
  if (refusal === "EACCES") {
    return fail(check, `we may not listen on ${address}`, `choose a port above 1023 in ${door.key}`);
  }
  return fail(check, `${address} cannot be opened: ${refusal}`, `change ${door.key}`);
}

function listenRefusal(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

/** Asks what a SOCKS5 server without login asks first; Tor answers `05 00`. */
export async function checkTorSocks(host: string, port: number): Promise<Finding> {
  const reply = await dial(host, port, Buffer.from([5, 1, 0]), 2);
  if (reply instanceof Error) return torAway("tor socks", `${host}:${port}`, reply);
  return reply[0] === 5 && reply[1] === 0
    ? ok("tor socks", `${host}:${port} speaks SOCKS5`)
    : fail(
        "tor socks",
        `${host}:${port} is there but does not speak SOCKS5 without a login`,
        "check the address of Tor's SocksPort",
      );
}

export async function checkTorControl(host: string, port: number): Promise<Finding> {
  const reply = await dial(host, port, Buffer.from("PROTOCOLINFO 1\r\n"), REPLY_BYTES_MAX, "250 OK");
  if (reply instanceof Error) return torAway("tor control", `${host}:${port}`, reply);
  const version = /VERSION Tor="([^"]{1,40})"/.exec(reply.toString("latin1"))?.[1];
  return version === undefined
    ? fail("tor control", `${host}:${port} is not Tor's control port`, "check ControlPort in torrc")
    : ok("tor control", `${host}:${port} answers, Tor ${version}`);
}

function torAway(check: string, address: string, error: Error): Finding {
  return warn(
    check,
    `nothing answers on ${address} (${error.message})`,
    "start Tor if you want onion channels or doors (apt install tor); nothing else needs it",
  );
}

/** Every NATS server greets with INFO. */
export async function checkNatsServer(url: string): Promise<Finding> {
  const { hostname, port } = new URL(url);
  const reply = await dial(hostname, Number(port || 4222), undefined, REPLY_BYTES_MAX, "\r\n");
  if (reply instanceof Error) {
    return fail(
      "bus",
      `nothing answers on ${url} (${reply.message})`,
      "start that nats-server, or change [bus] servers",
    );
  }
  const version = /"version":"([^"]{1,40})"/.exec(reply.toString("latin1"))?.[1];
  return version === undefined
    ? fail("bus", `${url} does not greet like a NATS server`, "check [bus] servers")
    : ok("bus", `${url} answers, version ${version}`);
}

export function checkNatsProgram(path = process.env["PATH"] ?? ""): Finding {
  const found = [...path.split(delimiter), "/usr/sbin", "/usr/local/sbin"]
    .map((directory) => join(directory, "nats-server"))
    .find((candidate) => existsSync(candidate));
  return found === undefined
    ? fail(
        "bus",
        "[bus] mode is spawn, but there is no nats-server here",
        "apt install nats-server, or set [bus] mode to embedded",
      )
    : ok("bus", `${found} will be started`);
}

/** The bytes of the answer, up to `bytesMax` or as soon as they hold `until`. */
function dial(
  host: string,
  port: number,
  say: Buffer | undefined,
  bytesMax: number,
  until?: string,
): Promise<Buffer | Error> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    let heard = Buffer.alloc(0);
    const finish = (result: Buffer | Error) => {
      socket.destroy();
      resolve(result);
    };
    socket.setTimeout(DIAL_DEADLINE_MS, () =>
      finish(new Error(`no answer within ${DIAL_DEADLINE_MS / 1000} s`)),
    );
    socket.once("connect", () => say !== undefined && socket.write(say));
    socket.on("data", (chunk: Buffer) => {
      heard = Buffer.concat([heard, chunk]).subarray(0, bytesMax);
      if (heard.length >= bytesMax || (until !== undefined && heard.includes(until))) finish(heard);
    });
    socket.once("end", () => finish(heard));
    socket.once("error", (error: NodeJS.ErrnoException) => finish(new Error(error.code ?? error.message)));
  });
}
