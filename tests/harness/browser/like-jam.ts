/** A page that makes JAM's calls: for the wallet door to serve in JAM's place, or served by somebody else on this machine. */
import { copyFileSync, mkdirSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const PAGE = fileURLToPath(new URL("./like-jam/", import.meta.url));
const CALLS = fileURLToPath(new URL("../../vectors/jam-calls.json", import.meta.url));

/** Puts the page and the list of calls together, in a folder below `directory`. */
export function likeJam(directory: string): string {
  const folder = join(directory, "like-jam");
  mkdirSync(folder);
  for (const name of ["index.html", "page.js"]) copyFileSync(join(PAGE, name), join(folder, name));
  copyFileSync(CALLS, join(folder, "calls.json"));
  return folder;
}

const TYPES: Readonly<Record<string, string>> = {
  html: "text/html",
  js: "text/javascript",
  json: "application/json",
};

/** Serves that folder at an origin of its own. */
export async function serveElsewhere(folder: string): Promise<{ url: string; server: Server }> {
  const server = createServer(({ url = "/" }, response) => {
    const name = ["page.js", "calls.json"].find((known) => url === `/${known}`) ?? "index.html";
    response.setHeader("content-type", TYPES[name.split(".")[1] ?? ""] ?? "");
    response.end(readFileSync(join(folder, name)));
  });
  await new Promise<void>((resolve) => server.listen({ host: "127.0.0.1", port: 0 }, resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}
