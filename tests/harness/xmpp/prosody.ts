/** Debian's Prosody for tests: an XMPP server on this machine with a component's port, accounts made before it starts. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePorts } from "../../../runtime/free-port.ts";
import { killed } from "../programs/killed.ts";
import { waitFor } from "../wait-for.ts";

export const XMPP_DOMAIN = "example.test";
export const COMPONENT_DOMAIN = "btc.example.test";
export const COMPONENT_SECRET = "s3cret";

export interface ProsodyOptions {
  /** Their passwords are `pw-` and the name. */
  readonly accounts: readonly string[];
  /** Whether the component may write rosters (XEP-0356). */
  readonly isPrivileged?: boolean;
  /** Whether it counts what it sends to clients, and wants to hear how much came (XEP-0198). */
  readonly isCounting?: boolean;
  /** Whether it takes files, to be fetched by whoever knows the link (XEP-0363). */
  readonly takesFiles?: boolean;
  /** Domains that are components too, of the same secret; where the usual domain is one of them, nobody has an account. */
  readonly components?: readonly string[];
}

/** As some servers have it, and none that we know of is below. */
const STANZA_BYTES_MAX = 65_536;

export class Prosody {
  readonly #program: string;
  readonly #directory: string;
  readonly componentPort: number;
  readonly clientPort: number;
  readonly httpPort: number;
  readonly isCounting: boolean;
  #child: ChildProcess | undefined;

  private constructor(program: string, directory: string, ports: readonly number[], isCounting: boolean) {
    this.#program = program;
    this.isCounting = isCounting;
    this.#directory = directory;
    const [clientPort = 0, componentPort = 0, httpPort = 0] = ports;
    this.clientPort = clientPort;
    this.componentPort = componentPort;
    this.httpPort = httpPort;
  }

  static async start(program: string, options: ProsodyOptions): Promise<Prosody> {
    const directory = mkdtempSync(join(tmpdir(), "troupe-prosody-"));
    const prosody = new Prosody(program, directory, await freePorts(3), options.isCounting ?? false);
    prosody.#configure(options);
    await prosody.restore();
    return prosody;
  }

  #configure({ accounts, isPrivileged = false, takesFiles = false, components = [] }: ProsodyOptions): void {
    const accountsDirectory = join(this.#directory, "data", "example%2etest", "accounts");
    mkdirSync(accountsDirectory, { recursive: true });
    for (const name of accounts)
      writeFileSync(join(accountsDirectory, `${name}.dat`), `return { ["password"] = "pw-${name}"; };`);
    const privilege = isPrivileged
      ? {
          host: `modules_enabled = { "privilege" }
privileged_entities = { ["${COMPONENT_DOMAIN}"] = { roster = "both", message = "outgoing" } }`,
          component: 'modules_enabled = { "privilege" }',
        }
      : { host: "", component: "" };
    const files = takesFiles
      ? `Component "upload.${XMPP_DOMAIN}" "http_file_share"
http_host = "127.0.0.1"
http_external_url = "http://127.0.0.1:${this.httpPort}/"`
      : "";
    // It does not start without a domain of its own.
    const ownDomain = components.includes(XMPP_DOMAIN) ? "own.test" : XMPP_DOMAIN;
    const others = components.map(
      (domain) => `Component "${domain}"\ncomponent_secret = "${COMPONENT_SECRET}"`,
    );
    writeFileSync(
      join(this.#directory, "prosody.cfg.lua"),
      `run_as_root = true
pidfile = "${this.#directory}/prosody.pid"
data_path = "${this.#directory}/data"
certificates = "${this.#directory}"
log = { { levels = { min = "info" }, to = "file", filename = "${this.#directory}/prosody.log" } }
interfaces = { "127.0.0.1" }
modules_enabled = { "roster", "saslauth", "disco", "register", "pep", "carbons", "blocklist", "vcard4", "vcard_legacy", "ping", "time", "version", "offline", "bosh", "websocket"${this.isCounting ? ', "smacks"' : ""} }
modules_disabled = { "s2s", "tls" }
default_storage = "memory"
storage = { accounts = "internal" }
authentication = "internal_plain"
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
consider_bosh_secure = true
consider_websocket_secure = true
http_interfaces = { "127.0.0.1" }
http_ports = { ${this.httpPort} }
https_ports = { }
c2s_ports = { ${this.clientPort} }
component_interfaces = { "127.0.0.1" }
component_ports = { ${this.componentPort} }
component_stanza_size_limit = ${STANZA_BYTES_MAX}
VirtualHost "${ownDomain}"
${privilege.host}
Component "${COMPONENT_DOMAIN}"
component_secret = "${COMPONENT_SECRET}"
${privilege.component}
${files}
${others.join("\n")}
`,
    );
  }

  /** Starts it, or starts it again on the same ports. */
  async restore(): Promise<void> {
    const child = spawn(this.#program, ["--config", join(this.#directory, "prosody.cfg.lua"), "-F"], {
      stdio: "ignore",
    });
    this.#child = child;
    await waitFor("prosody to listen", async () => {
      if (child.exitCode !== null)
        throw new Error(`prosody has ended with ${child.exitCode}:\n${this.log()}`);
      return isOpen(this.componentPort);
    });
  }

  log(): string {
    return readFileSync(join(this.#directory, "prosody.log"), "utf8");
  }

  /** As if the machine had lost it. */
  async breakDown(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    await killed(child);
  }

  async stop(): Promise<void> {
    await this.breakDown();
    rmSync(this.#directory, { recursive: true, force: true });
  }
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
