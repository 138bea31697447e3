/** `supervisor bus print-nats-config`: the same users and rights for a nats-server that others run. */
import { existsSync } from "node:fs";
import { renderNatsConfig } from "../../bus/contract/nats-config.ts";
import { parseHostPort } from "../../runtime/config/config-values.ts";
import { absolutePath } from "../../runtime/config/path.ts";
import { usersFromDirectory } from "../../supervisor/access/credentials.ts";
import { busSection } from "../../supervisor/config.ts";
import { readSettings } from "../../supervisor/plan/settings.ts";
import { EXIT, misuse } from "../errors.ts";
import { type PlaceOptions, requestOf, type Terminal } from "../terminal-io.ts";

export interface NatsConfigCommandOptions extends PlaceOptions {
  readonly credentials?: string;
  readonly create?: boolean;
  readonly listen: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsCa?: string;
  readonly jetstream?: string;
}

const MAX_PAYLOAD_BYTES = 1024 * 1024;

export function printNatsConfig(options: NatsConfigCommandOptions, terminal: Terminal): number {
  const directory =
    options.credentials ??
    readSettings(requestOf(options, terminal)).config.get(busSection).credentials_directory;
  if (directory === undefined) {
    throw misuse("Say where the users' seeds are, or are to be made: --credentials DIR --create");
  }
  const path = absolutePath(directory, process.cwd());
  if (!options.create && !existsSync(path)) {
    throw misuse(`There is no directory ${path}. Add --create to make it, with a seed for every user.`);
  }
  if (parseHostPort(options.listen) === undefined)
    throw misuse(`--listen takes host:port, not "${options.listen}".`);
  terminal.stdout.write(
    renderNatsConfig({
      listen: options.listen,
      users: usersFromDirectory(path, options.create ?? false),
      maxPayloadBytes: MAX_PAYLOAD_BYTES,
      ...tlsOf(options),
      ...(options.jetstream === undefined ? {} : { jetstreamDirectory: options.jetstream }),
    }),
  );
  return EXIT.ok;
}

function tlsOf({ tlsCert, tlsKey, tlsCa }: NatsConfigCommandOptions) {
  if (tlsCert === undefined && tlsKey === undefined && tlsCa === undefined) return {};
  if (tlsCert === undefined || tlsKey === undefined) throw misuse("TLS needs both --tls-cert and --tls-key.");
  return { tls: { certFile: tlsCert, keyFile: tlsKey, ...(tlsCa === undefined ? {} : { caFile: tlsCa }) } };
}
