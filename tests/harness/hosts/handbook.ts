/** A page of the documentation that says what to type and which files to write on several hosts, done as it stands. */
import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { builtUrl } from "../built.ts";
import type { Street } from "./street.ts";

/** What stands in one box of the page. */
interface Box {
  readonly hosts: readonly string[];
  /** Of a file to be written; without one it is what to type. */
  readonly path: string | undefined;
  readonly isService: boolean;
  readonly text: string;
}

const BOX = /^\*\*([\w, ]+)\*\*(?:, `([^`]+)`)?(, as a service)?:\n\n```(?:sh|toml)\n([\s\S]*?)```$/gm;
const COMMAND_LIMIT_MS = 120_000;
/** What a host has of its own, perhaps after another host's name; all else they share with this machine. */
const OWN_PATH = /(?<![\w/.])(?:([a-z]+):)?(\/(?:etc\/troupe|var\/lib)(?!\w))/g;

export interface HandbookOptions {
  readonly page: string;
  readonly street: Street;
  /** Every host has a directory in it. */
  readonly directory: string;
  /** Variables of the environment by host. */
  readonly environment: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

interface Service {
  readonly pid: number;
  readonly ended: Promise<unknown>;
}

export class Handbook {
  readonly #options: HandbookOptions;
  readonly #boxes: readonly Box[];
  readonly #services: Service[] = [];

  constructor(options: HandbookOptions) {
    this.#options = options;
    const text = readFileSync(options.page, "utf8");
    this.#boxes = [...text.matchAll(BOX)].map(([, hosts = "", path, service, box = ""]) => ({
      hosts: hosts.split(", "),
      path,
      isService: service !== undefined,
      text: box,
    }));
    const fences = text.match(/^```(?:sh|toml)$/gm)?.length ?? 0;
    if (fences !== this.#boxes.length) throw new Error(`${options.page} has boxes that say no host`);
    for (const host of new Set(this.#boxes.flatMap(({ hosts }) => hosts))) this.#furnish(host);
  }

  /** Does all that the page says, from the top to the bottom. */
  async follow(): Promise<void> {
    for (const box of this.#boxes) {
      for (const host of box.hosts) {
        if (box.path !== undefined) this.#write(host, box.path, box.text);
        else if (box.isService) this.#serve(host, box.text);
        else await this.type(host, box.text);
      }
    }
  }

  /** Types that on a host, and says what was printed; throws when it ends with anything but 0. */
  async type(host: string, text: string): Promise<string> {
    const [program = "", ...rest] = this.#shell(host, text);
    const typed = spawn(program, rest, { env: this.#environmentOf(host), timeout: COMMAND_LIMIT_MS });
    let printed = "";
    let failed = "";
    typed.stdout.setEncoding("utf8").on("data", (part: string) => {
      printed += part;
    });
    typed.stderr.setEncoding("utf8").on("data", (part: string) => {
      failed += part;
    });
    // Not `close`: what a command leaves running in the background may keep its output open.
    const code = await new Promise((resolve) => typed.once("exit", resolve));
    if (code !== 0) throw new Error(`on ${host} this ended with ${code}:\n${text}\n${printed}${failed}`);
    return printed;
  }

  /** A text with paths as the page has them, with those at which they really are. */
  pathOn(host: string, path: string): string {
    return path.replaceAll(OWN_PATH, (_, other: string | undefined, own: string) =>
      join(this.#options.directory, other ?? host, own),
    );
  }

  /** Ends what runs as a service. */
  async close(): Promise<void> {
    for (const { pid, ended } of this.#services.splice(0)) {
      process.kill(pid, "SIGKILL");
      await ended;
    }
  }

  #furnish(host: string): void {
    for (const path of ["/etc/troupe", "/var/lib", "/bin"]) {
      mkdirSync(join(this.#options.directory, host, path), { recursive: true });
    }
    const program = fileURLToPath(builtUrl("cli/supervisor.js"));
    this.#tool(host, "supervisor", `exec '${process.execPath}' '${program}' "$@"`);
    // Hosts that share a disk need no network to copy.
    this.#tool(host, "scp", `cp "$@"`);
  }

  #tool(host: string, name: string, line: string): void {
    const path = join(this.#options.directory, host, "bin", name);
    writeFileSync(path, `#!/bin/sh\n${line}\n`);
    chmodSync(path, 0o755);
  }

  #write(host: string, path: string, text: string): void {
    const place = this.pathOn(host, path);
    mkdirSync(dirname(place), { recursive: true });
    writeFileSync(place, this.pathOn(host, text), { mode: 0o600 });
  }

  #serve(host: string, text: string): void {
    const [program = "", ...rest] = this.#shell(host, `exec ${text}`);
    const service = spawn(program, rest, { env: this.#environmentOf(host), stdio: "ignore" });
    const ended = new Promise((resolve) => service.once("exit", resolve));
    if (service.pid !== undefined) this.#services.push({ pid: service.pid, ended });
  }

  #shell(host: string, text: string): string[] {
    return [...this.#options.street.prefix(host), "bash", "-e", "-c", this.pathOn(host, text)];
  }

  #environmentOf(host: string): NodeJS.ProcessEnv {
    const directory = join(this.#options.directory, host);
    return {
      PATH: `${join(directory, "bin")}:${process.env["PATH"] ?? "/usr/bin:/bin"}:/usr/sbin:/sbin`,
      HOME: directory,
      ...this.#options.environment[host],
    };
  }
}
