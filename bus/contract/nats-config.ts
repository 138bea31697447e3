/** The configuration of a real nats-server with the same users and rights as the embedded broker has. */
import type { BusUser, Permissions } from "../carrier/transport.ts";

export interface NatsConfigOptions {
  /** `127.0.0.1:4222` */
  readonly listen: string;
  readonly users: readonly BusUser[];
  /** Where JetStream keeps its files; without it JetStream is off. */
  readonly jetstreamDirectory?: string;
  readonly tls?: { readonly certFile: string; readonly keyFile: string; readonly caFile?: string };
  readonly maxPayloadBytes: number;
}

/** Answers to messages received are allowed this long, as in the embedded broker. */
const RESPONSE_EXPIRY = "2m";

export function renderNatsConfig(options: NatsConfigOptions): string {
  const lines = [
    `listen: ${quote(options.listen)}`,
    `max_payload: ${options.maxPayloadBytes}`,
    "max_pending: 16777216",
    "max_control_line: 4096",
    'write_deadline: "10s"',
    'ping_interval: "120s"',
    "ping_max: 2",
  ];
  if (options.jetstreamDirectory !== undefined) {
    lines.push("jetstream {", `  store_dir: ${quote(options.jetstreamDirectory)}`, "}");
  }
  if (options.tls !== undefined) {
    const { certFile, keyFile, caFile } = options.tls;
    lines.push("tls {", `  cert_file: ${quote(certFile)}`, `  key_file: ${quote(keyFile)}`);
    if (caFile !== undefined) lines.push(`  ca_file: ${quote(caFile)}`, "  verify: true");
    lines.push("}");
  }
  lines.push("authorization {", "  users: [", ...options.users.flatMap(renderUser), "  ]", "}");
  return `${lines.join("\n")}\n`;
}

function renderUser(user: BusUser): string[] {
  return [
    `    # ${user.name}`,
    "    {",
    `      nkey: ${quote(user.publicKey)}`,
    "      permissions: {",
    ...renderPermissions(user.permissions),
    "      }",
    "    }",
  ];
}

function renderPermissions({ publish, subscribe, allowResponses }: Permissions): string[] {
  const lines = [`        publish: ${renderRule(publish)}`, `        subscribe: ${renderRule(subscribe)}`];
  if (allowResponses > 0) {
    lines.push(`        allow_responses: { max: ${allowResponses}, expires: ${quote(RESPONSE_EXPIRY)} }`);
  }
  return lines;
}

/** nats-server takes an empty allow list for "everything": nothing must be written as a denial of all. */
function renderRule({ allow, deny }: Permissions["publish"]): string {
  if (allow.length === 0) return '{ deny: [">"] }';
  const denial = deny.length > 0 ? `, deny: [${deny.map(quote).join(", ")}]` : "";
  return `{ allow: [${allow.map(quote).join(", ")}]${denial} }`;
}

function quote(text: string): string {
  return JSON.stringify(text);
}
