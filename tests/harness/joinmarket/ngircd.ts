/** Debian's ngircd for tests: a real IRC server on this host, plain and with TLS. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePorts } from "../../../runtime/free-port.ts";
import { waitFor } from "../wait-for.ts";

export interface IrcServer {
  readonly port: number;
  readonly tlsPort: number;
  /** Who has signed its certificate: itself. */
  readonly authority: string;
  stop(): Promise<void>;
}

export const IRC_NETWORK = "TestPit";

export async function startNgircd(program: string): Promise<IrcServer> {
  const directory = mkdtempSync(join(tmpdir(), "troupe-ngircd-"));
  const [port = 0, tlsPort = 0] = await freePorts(2);
  const certificate = join(directory, "cert.pem");
  const key = join(directory, "key.pem");
  execFileSync(
    "openssl",
    [
      ...[
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
      ],
      ...[
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=DNS:localhost",
        "-keyout",
        key,
        "-out",
        certificate,
      ],
    ],
    { stdio: "ignore" },
  );
  const config = join(directory, "ngircd.conf");
  writeFileSync(
    config,
    `[Global]
Name = irc.test.net
Info = test
Listen = 127.0.0.1
Ports = ${port}
Network = ${IRC_NETWORK}
[Limits]
MaxConnections = 0
MaxConnectionsIP = 0
MaxNickLength = 17
MaxPenaltyTime = 0
[Options]
DNS = no
Ident = no
PAM = no
[SSL]
CertFile = ${certificate}
KeyFile = ${key}
Ports = ${tlsPort}
`,
  );
  const child = spawn(program, ["--nodaemon", "--config", config], { stdio: "ignore" });
  await waitFor("ngircd to listen", async () => {
    if (child.exitCode !== null) throw new Error(`ngircd has ended with ${child.exitCode}`);
    return isOpen(port);
  });
  return {
    port,
    tlsPort,
    authority: readFileSync(certificate, "utf8"),
    async stop() {
      child.kill("SIGTERM");
      if (child.exitCode === null) await once(child, "exit");
      rmSync(directory, { recursive: true });
    },
  };
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
