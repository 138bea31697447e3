/** The program's own sources as text, without tests: what pages are made from where the code says it best. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export interface Source {
  readonly path: string;
  readonly text: string;
}

/** Rooms of the program; documents, benchmarks and tests are not. */
const ROOMS = ["runtime", "bitcoin", "bitcoind", "bus", "joinmarket", "actors", "supervisor", "cli"];

/** The folder of package.json, from the source as well as from the compiled file. */
export function repositoryRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json"))) folder = dirname(folder);
  return folder;
}

export function readSources(root = repositoryRoot()): Source[] {
  return ROOMS.filter((room) => existsSync(join(root, room))).flatMap((room) =>
    readdirSync(join(root, room), { recursive: true })
      .map((file) => `${room}/${String(file)}`.replaceAll("\\", "/"))
      .filter((path) => path.endsWith(".ts") && !path.endsWith(".test.ts"))
      .sort()
      .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") })),
  );
}
