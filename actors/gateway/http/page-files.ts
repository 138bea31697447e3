/** The files of the live page, read once when the door opens. They stand as they are written: no bundler, no templates. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { TroupeError } from "../../../runtime/errors.ts";

export interface PageFile {
  readonly path: string;
  readonly contentType: string;
  readonly body: Buffer;
}

const FOLDER = "actors/gateway/http/page";
const FILES = [
  { path: "/", name: "page.html", contentType: "text/html; charset=utf-8" },
  { path: "/page.css", name: "page.css", contentType: "text/css; charset=utf-8" },
  { path: "/page.js", name: "page.js", contentType: "text/javascript; charset=utf-8" },
  { path: "/icon.svg", name: "icon.svg", contentType: "image/svg+xml" },
];

/** Throws `GATEWAY_PAGE_MISSING` when the installation lacks them. */
export function readPageFiles(): PageFile[] {
  const folder = join(installationRoot(), FOLDER);
  try {
    return FILES.map(({ path, name, contentType }) => ({
      path,
      contentType,
      body: readFileSync(join(folder, name)),
    }));
  } catch (cause) {
    throw new TroupeError(
      { code: "GATEWAY_PAGE_MISSING", folder: FOLDER },
      `The files of the web page are missing from ${FOLDER}. Install the program anew.`,
      { cause },
    );
  }
}

/** The folder of package.json: the compiler copies no page, so source and compiled code both find it from there. */
function installationRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json")) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}
